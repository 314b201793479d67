"""LaTeX source from plain text and tables."""
