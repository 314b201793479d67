"""Statistics of hyper-parameter searches: expected best score, importance of parameters."""
