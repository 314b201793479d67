"""Looks at a study in waves, and the decisions that they have made."""
