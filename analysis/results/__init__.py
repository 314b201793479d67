"""From the folders of the runs to one tidy table, and from the table to one score per run."""
