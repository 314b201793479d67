"""Looks at a growing number of paired seeds, with every error rate under control."""
