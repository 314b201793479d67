"""What every figure uses: style, scales, colours of verdicts, the picture with its caption."""
