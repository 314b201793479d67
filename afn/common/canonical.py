"""One text for one value, and the seal of a result; standard library only, so that training has it.

Called by the grid (specifications are compared as text), by training (which seals results) and by
``python -m afn.study verify`` (which breaks seals that do not fit).
"""

from __future__ import annotations

import hashlib
import json

UNSEALED = ("seal", "step_ms", "train_seconds", "at_once")
"""What differs between equal runs: times, and how many runs shared the process."""


def canonical_json(value: object) -> str:
    """One line of JSON with sorted keys and no NaN: what is compared as text, and hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sealed(record: dict) -> dict:  # type: ignore[type-arg]
    """Return a result with its seal: a hash of everything in it but `UNSEALED`.

    Two results with the same seal are equal to the bit, times aside; a result whose seal does not
    fit was changed after it was written.
    """
    body = {key: value for key, value in record.items() if key not in UNSEALED}
    return {**record, "seal": hashlib.sha256(canonical_json(body).encode()).hexdigest()}


def is_sealed(record: dict) -> bool:  # type: ignore[type-arg]
    """Whether the seal of a result fits it; a flipped bit can make a number infinite, too."""
    try:
        return sealed(record) == record
    except ValueError:
        return False
