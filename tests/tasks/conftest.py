"""Where the real data sets are, and a network that always fails."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = Path(os.environ.get("AFN_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "MNIST").is_dir():
        pytest.skip(f"no real data sets in {folder} (AFN_REAL_DATA names another folder)")
    return folder


@pytest.fixture
def offline(monkeypatch) -> list[str]:
    """Every download fails; the list collects what was asked for."""
    asked = []

    def fail(request, *_, **__):
        asked.append(getattr(request, "full_url", request))
        raise urllib.error.URLError("there is no network")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    return asked
