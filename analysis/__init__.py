"""From tidy tables of scores to decisions, figures and a report. Imports no torch."""
