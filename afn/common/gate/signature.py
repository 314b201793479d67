"""An optional signature under what a study leaves: who has no key cannot renew it.

In: ``AFN_SEAL_KEY``, any text, the same for every step of a study. Out: an HMAC-SHA256 (RFC 2104)
over a value's canonical JSON. Without the variable nothing is signed and no signature is asked for.
Called where results and the files between the steps are written and read. The hashes of these files
keep no secret: they protect from accidents and careless edits, and whoever edits a file and hashes
it anew is kept out by the key alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any

from afn.common.canonical import canonical_json

VARIABLE = "AFN_SEAL_KEY"
NAME = "signature"
"""The entry of a signed mapping."""


def signature(value: object) -> str:
    """The signature of a value under the key; "" where there is no key."""
    key = os.environ.get(VARIABLE, "")
    if not key:
        return ""
    return hmac.new(key.encode(), canonical_json(value).encode(), hashlib.sha256).hexdigest()


def signed(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with its signature in it, where there is a key; without any where there is none."""
    bare = {key: value for key, value in mapping.items() if key != NAME}
    found = signature(bare)
    return {**bare, NAME: found} if found else bare


def fault(value: object, given: object) -> str:
    """What is wrong with the signature ``given`` for a value; "" where nothing is, or no key."""
    wanted = signature(value)
    if not wanted:
        return ""
    if not given:
        return f"it carries no signature, and {VARIABLE} is set"
    if not isinstance(given, str) or not hmac.compare_digest(wanted.encode(), given.encode()):
        return f"its signature is not that of the key in {VARIABLE}"
    return ""
