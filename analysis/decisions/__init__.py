"""What a study decides: contrasts, trends, factorials, divergence; made from scores, by rules."""
