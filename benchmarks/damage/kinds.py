"""Every kind of damage, by what it damages: a name, and the change of a finished study.

In: the modules of this folder that fill the list. Out: `KINDS`. Called by
`benchmarks.damage.running`. Kinds under ``apart`` are edits by somebody who computes every hash
anew, predictions included: the hashes keep no secret, so only a key (``AFN_SEAL_KEY``) shows them.
"""

from __future__ import annotations

# Each of them fills the list when it is imported.
from benchmarks.damage import of_analyses, of_runs, of_searches  # noqa: F401
from benchmarks.damage.registry import KINDS, Kind

assert len({(k.group, k.name) for k in KINDS}) == len(KINDS), "two kinds of one name"
__all__ = ["KINDS", "Kind"]
