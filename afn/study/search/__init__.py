"""Searches as the grid sees them: groups of cells, spaces, rounds and rungs; no Optuna."""
