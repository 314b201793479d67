"""From statistics to one factor and one offset per channel: torch, NumPy, C, Triton."""
