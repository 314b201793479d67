"""Kinds of damage to what a study leaves, and whether each is noticed; see `benchmarks.faults`."""
