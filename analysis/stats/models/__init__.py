"""Linear models: analysis of variance, repeated measures, a mixed model."""
