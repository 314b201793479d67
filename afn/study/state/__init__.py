"""What of a study exists: progress of its runs, and whether their results are whole."""
