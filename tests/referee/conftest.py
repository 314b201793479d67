"""The studies, each made once per machine and kept in pytest's cache folder (`make clean`)."""

from __future__ import annotations

import pytest

from tests.referee.evidence import Evidence
from tests.referee.studies import DEFAULT, RATES, SEARCHED, SPLIT, make
from tests.sharing import once


def _evidence(request: pytest.FixtureRequest, factory: pytest.TempPathFactory, study: dict):
    kept = request.config.cache.mkdir("referee")
    made = once(factory, f"referee {study['study']}", lambda _: make(study, kept))
    return Evidence(made)


@pytest.fixture(scope="session")
def rates(request, tmp_path_factory) -> Evidence:
    return _evidence(request, tmp_path_factory, RATES)


@pytest.fixture(scope="session")
def default(request, tmp_path_factory) -> Evidence:
    return _evidence(request, tmp_path_factory, DEFAULT)


@pytest.fixture(scope="session")
def searched(request, tmp_path_factory) -> Evidence:
    return _evidence(request, tmp_path_factory, SEARCHED)


@pytest.fixture(scope="session")
def split(request, tmp_path_factory) -> Evidence:
    return _evidence(request, tmp_path_factory, SPLIT)
