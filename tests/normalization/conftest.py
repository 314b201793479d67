import contextlib
import sys
from pathlib import Path

import pytest
import torch

from afn.normalization.kernels import native

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks.literal
torch.set_num_threads(1)


HEADS = [
    pytest.param("c", marks=pytest.mark.kernels),
    "numpy",
    "torch",
]


@contextlib.contextmanager
def using(head: str):
    """Layers made and called inside use this head, and its kernels or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "HEAD", head)
        yield
