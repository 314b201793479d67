"""Several reports or results side by side."""
