"""Figures of ablations: levels of an option, ordered factors, grids of factors."""
