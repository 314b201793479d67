"""Seeds in waves: what is declared, what the looks ask for, and what was declared at the first."""
