"""A page as a reader meets it: its sentences, and the cells of its tables."""
