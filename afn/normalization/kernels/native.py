"""Which implementation of AFN's head this process uses, and the compiled one if it is there.

`HEAD` is ``"c"`` (compiled when the package was installed), ``"numpy"`` (without a compiler),
``"torch"``, or ``"triton"`` (kernels for a GPU; also of the heads of Switchable and batch-instance
normalisation). They agree up to rounding, not in bits, so results and checkpoints record it. The
environment variable ``AFN_HEAD`` forces one; the last is used in no other way, as it was not yet
run on a GPU.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

HEADS = ("c", "numpy", "torch", "triton")


def library() -> ctypes.CDLL | None:
    """The compiled kernels beside this module, or None where there are none that load."""
    for suffix in (".so", ".pyd", ".dylib"):
        for file in sorted(Path(__file__).parent.glob(f"head_kernels*{suffix}")):
            try:
                found = ctypes.CDLL(str(file))
            except OSError:  # built for another machine or another Python's platform
                continue
            if hasattr(found, "sample_gradient_float64"):  # else built from an older source
                return found
    return None


def choose(wanted: str, compiled: bool) -> str:
    """The head to use, given what ``AFN_HEAD`` says.

    Raises
    ------
    ImportError
        For an unknown name, for ``c`` without the compiled kernels, for ``triton`` without Triton.
    """
    if wanted and wanted not in HEADS:
        raise ImportError(f"AFN_HEAD is {wanted!r}; valid: {', '.join(HEADS)}")
    if wanted == "c" and not compiled:
        raise ImportError(
            "AFN_HEAD is 'c', but the kernels were not compiled: "
            "run `pip install -e .` where a C compiler is, or use AFN_HEAD=numpy"
        )
    if wanted == "triton" and importlib.util.find_spec("triton") is None:
        raise ImportError("AFN_HEAD is 'triton', but there is no package triton")
    return wanted or ("c" if compiled else "numpy")


KERNELS = library()
HEAD = choose(os.environ.get("AFN_HEAD", ""), KERNELS is not None)


def head_on(device: str) -> str:
    """The head that layers use on a type of device: on all but the CPU it is torch's, or Triton's
    where that is asked for. Triton's serves the CPU under its interpreter only."""
    if HEAD == "triton":
        interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        return "triton" if device == "cuda" or (device == "cpu" and interpreted) else "torch"
    return HEAD if device == "cpu" else "torch"
