"""Figures of what was seen in training: curves, followed scalars, cost, sample images."""
