"""How names and numbers look to a reader; plain text, tables, LaTeX. Knows no study's results."""
