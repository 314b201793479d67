"""Do the rules for seeds in waves hold what they promise? By simulation, with standard errors."""
