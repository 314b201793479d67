"""Where the real data sets are, and a network that always fails."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import needs


@pytest.fixture(scope="session")
def real_data() -> Path:
    if why := needs.missing("realdata"):
        needs.skip("realdata", why)
    return needs.real_data()


@pytest.fixture
def offline(monkeypatch) -> list[str]:
    """Every download fails; the list collects what was asked for."""
    asked = []

    def fail(request, *_, **__):
        asked.append(getattr(request, "full_url", request))
        raise urllib.error.URLError("there is no network")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    return asked
