"""Decisions, figures and tables of a study, computed again from its runs."""
