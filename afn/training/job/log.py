"""The log of a training process.

In: a line of text. Out: the line on the standard error, which the workflow keeps as the log of the
job. Called by ``python -m afn.training`` and by the job; needs no torch.
"""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line, at once."""
    print(f"afn.training: {line}", file=sys.stderr, flush=True)
