"""From the folders of runs to one score per run, arm and outcome."""
