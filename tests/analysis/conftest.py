"""Lets the test modules here import each other's helpers (``tests.analysis.synthetic``).

A default study and a minimal one with made-up results, built once for all tests of pages.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.analysis.pages import (  # noqa: E402
    HOSTILE,
    MINIMAL,
    Built,
    build,
    default_document,
    load,
    write_images,
)
from tests.sharing import once  # noqa: E402


@pytest.fixture(scope="session")
def default(tmp_path_factory) -> Built:
    """The default study with images; one run diverged."""

    def make(folder: Path) -> Built:
        document = default_document()
        inputs = load(document, diverged=[("resnet8", "afn+residual=off", 2)])
        inputs.data = folder / "prepared"
        write_images(inputs.data / "digits8x8")
        return build(inputs, folder / "report", document)

    return once(tmp_path_factory, "default", make)


@pytest.fixture(scope="session")
def minimal(tmp_path_factory) -> Built:
    """One task, one backbone, two norms, one protocol, no trend, and a hostile question."""
    document = MINIMAL | {"question": HOSTILE}
    return once(tmp_path_factory, "minimal", lambda to: build(load(document), to, document))
