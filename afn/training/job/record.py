"""What a run leaves behind, as bytes: the history, the predictions, the facts of the machine."""

from __future__ import annotations

import csv
import io
import platform
from pathlib import Path

import numpy as np
import torch

from afn.normalization.kernels.native import head_on

SCHEMA = 1


def history_csv(history: list[dict]) -> bytes:
    """One row per epoch; columns as in the first row. Numbers in full, so the same run is the same.

    >>> history_csv([{"epoch": 1, "loss": 0.1}])
    b'epoch,loss\\n1,0.1\\n'
    """
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in history for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()


def predictions_npz(predicted: dict[str, np.ndarray]) -> bytes:
    """Predicted classes by ``"<protocol>/<split>/<condition>/<severity>"``, uint8 (N,).

    Classes beyond 255 make the arrays uint16. Not compressed: the same arrays are the same bytes
    with any zlib.
    """
    most = max((int(classes.max()) for classes in predicted.values()), default=0)
    dtype = np.uint8 if most < 256 else np.uint16
    buffer = io.BytesIO()
    np.savez(buffer, **{key: classes.astype(dtype) for key, classes in predicted.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def versions(device: torch.device) -> dict[str, str]:
    """What else decides the bits of a result."""
    found = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "processor": processor(device),
        "head": head_on(device.type),
    }
    return found | ({"tf32": tf32()} if device.type == "cuda" else {})


def tf32() -> str:
    """Where torch multiplies numbers in single precision as TF32; whether a training computes in
    bfloat16 or with channels_last is a setting of its recipe."""
    places = {
        "convolutions": torch.backends.cudnn.allow_tf32,
        "products": torch.backends.cuda.matmul.allow_tf32,
    }
    return ", ".join(place for place, on in places.items() if on) or "nowhere"


def processor(device: torch.device) -> str:
    """The model of the GPU, or of the CPU as the kernel tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with Path("/proc/cpuinfo").open() as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
