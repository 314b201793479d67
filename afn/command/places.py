"""Where the workflow lies: beside the package in a checkout, inside it once it is installed.

In: nothing. Out: the folder that holds ``Snakefile``, ``workflow/``, ``profiles/``, ``studies/``
and ``config.yaml``. A wheel carries a copy of them in `INSTALLED`, which ``setup.py`` makes. Called
by ``afn-study`` and by the Snakefile that ``afn-study init`` writes.
"""

from __future__ import annotations

from pathlib import Path

from afn.common.errors import StudyError

INSTALLED = Path(__file__).with_name("shipped")
CHECKOUT = Path(__file__).resolve().parents[2]


def shipped() -> Path:
    """The folder of the workflow.

    Raises
    ------
    StudyError
        Where the package was installed without it.
    """
    for folder in (INSTALLED, CHECKOUT):
        if (folder / "Snakefile").is_file() and (folder / "workflow" / "rules").is_dir():
            return folder
    raise StudyError(f"the workflow is neither in {INSTALLED} nor in {CHECKOUT}: install it again")


def snakefile() -> str:
    """The Snakefile that a ``module:`` of another one names."""
    return str(shipped() / "Snakefile")
