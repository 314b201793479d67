"""The executor plugin that `make slurm` fetched fits the environment beside which it is used."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.cluster.study import PLUGIN
from tests.workflow.project import ROOT

ABSENT = "slurm: run `make slurm` for the plugin"
pytestmark = pytest.mark.skipif(not Path(PLUGIN).is_dir(), reason=ABSENT)


def test_it_is_what_the_lock_says():
    lock = (ROOT / "requirements-slurm.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE))
    found = {one.metadata["Name"]: one.version for one in metadata.distributions(path=[PLUGIN])}
    assert found == locked


def test_the_environment_has_all_that_it_needs():
    own = {one.metadata["Name"]: one for one in metadata.distributions(path=[PLUGIN])}
    needed = [Requirement(text) for one in own.values() for text in one.requires or ()]
    assert len(needed) > 4
    for requirement in needed:
        name = requirement.name
        version = own[name].version if name in own else metadata.version(name)
        assert requirement.specifier.contains(version), f"{requirement}, not {version}"
