"""Which code a run really uses, as a hash that ignores comments and docstrings.

In: the parts that a cell names, and the optimiser, schedule and augmentation that its recipe names.
Out: a hexadecimal digest over their modules, the training job, and all that these import
inside their packages. Snakemake passes it as a parameter, so that editing one method retrains the
runs of that method and nothing else, and adding one retrains nothing.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from afn.study.code.modules import digests
from afn.study.grid.cells import PARTS, Cell
from afn.study.parts.catalogue import entry, module_file, parts_within

TRAINING = ("afn.training.job.job", "afn.training.job.environment")
"""Where training begins; the command line in front of it changes no number."""
PREPARING = "afn.tasks.__main__"
OF_RECIPES = ("optimizer", "schedule", "augmentation")
"""What a recipe names beside its algorithm."""


def parts_of(cell: Cell) -> dict[str, str]:
    """What a cell uses: ``"norm afn"`` -> its module; what its search may choose, too."""
    named = [(part, cell.settings[part]["name"]) for part in PARTS]
    for kind in OF_RECIPES:
        chosen = cell.searched.get(f"recipe.{kind}", ())
        named += [(kind, name) for name in dict.fromkeys([cell.settings["recipe"][kind], *chosen])]
    for part in PARTS:
        named += parts_within(part, cell.settings[part])
    return {f"{kind} {name}": entry(kind, name).module for kind, name in named}


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Where following the imports of a cell's code begins."""
    return (*TRAINING, *parts_of(cell).values())


def run_fingerprint(cell: Cell) -> str:
    """Digest of the code that trains and tests this cell."""
    return fingerprint(modules_of(cell))


def task_fingerprint(settings: dict[str, Any]) -> str:
    """Digest of the code that prepares the data of a task with its options."""
    named = [("task", settings["name"]), *parts_within("task", settings)]
    return fingerprint((PREPARING, *(entry(kind, name).module for kind, name in named)))


@functools.cache
def fingerprint(modules: tuple[str, ...]) -> str:
    """Digest of modules and of everything that they import from their own packages."""
    lines = [f"{name} {digest}" for name, digest in digests(modules).items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def analysis_fingerprint(module: str, *added: str) -> str:
    """Digest of an analysis step: its modules, the templates beside them, what a study adds."""
    digest = hashlib.sha256(fingerprint((module, *added)).encode())
    root = module_file("analysis.__init__") or module_file(module)
    assert root is not None, module  # it was fingerprinted
    for file in sorted(root.parent.rglob("templates/*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
