"""The steps of one decision: scores are paired, tested about a target, and judged."""
