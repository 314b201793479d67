"""Arrays in, numbers out: tests, intervals and effect sizes that know no study and no text."""
