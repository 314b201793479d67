"""The archive as a Workflow Run RO-Crate: whole, true, and what others' tools take for one."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile

import pytest

from analysis.paper.archive import crate
from tests.analysis.paper.test_supplement import make, study  # noqa: F401
from tests.needs import ROOT, TOOLS


@pytest.fixture
def unpacked(study):  # noqa: F811
    """The folder of an archive."""
    with zipfile.ZipFile(make(study)) as archive:
        archive.extractall(study / "out")
    return study / "out"


def entities(folder) -> dict[str, dict]:
    graph = json.loads((folder / crate.NAME).read_text())["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph), "an @id is used twice"
    return found


def named(value) -> list[str]:
    """The entities that a property names."""
    values = value if isinstance(value, list) else [value]
    return [one["@id"] for one in values if isinstance(one, dict) and "@id" in one]


def test_every_file_is_described_as_it_is(unpacked):
    found = entities(unpacked)
    files = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    described = {name for name, one in found.items() if "File" in one["@type"]}
    assert described == files - {crate.NAME, "SHA256SUMS"}
    assert set(named(found["./"]["hasPart"])) == described
    for name in described:
        content = (unpacked / name).read_bytes()
        assert found[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert found[name]["contentSize"] == str(len(content))


def test_whatever_is_named_here_is_here(unpacked):
    found = entities(unpacked)
    elsewhere = {"https://w3id.org/ro/crate/1.1"}
    elsewhere |= {"https://doi.org/10.1093/bioinformatics/bts480"}
    elsewhere |= {"https://snakemake.readthedocs.io"}
    for entity in found.values():
        for value in entity.values():
            for name in named(value):
                known = name in found or name in elsewhere or name.startswith(crate.BIOSCHEMAS)
                assert known, f"{entity['@id']} names {name}"


def test_it_tells_the_run(unpacked):
    found = entities(unpacked)
    run, root = found[crate.RUN], found["./"]
    assert (run["startTime"], run["endTime"]) == (
        "1970-01-01T00:01:00+00:00",
        "1970-01-01T02:00:00+00:00",
    )
    assert named(run["instrument"]) == named(root["mainEntity"]) == [crate.SNAKEFILE]
    assert named(run["object"]) == ["study/mine.yaml"]
    assert set(named(run["result"])) == set(crate.OUTPUTS)
    assert "a chip" in run["description"]
    workflow = found[crate.SNAKEFILE]
    assert [found[n]["softwareVersion"] for n in named(workflow["softwareRequirements"])] == [
        "2.10.0+cpu"
    ]
    # Each parameter and the file that is an example of it name each other.
    for parameter in named(workflow["input"]) + named(workflow["output"]):
        (file,) = named(found[parameter]["workExample"])
        assert named(found[file]["exampleOfWork"]) == [parameter]


UNKNOWN = {
    "process-run-crate-0.5_3.2": "the project has no address of its own",
    "process-run-crate-0.5_5.1": "said of classes, not of an entity of this crate",
    "process-run-crate-0.5_8.6": "who ran it",
    "ro-crate-1.1_22.2": "whose results they are",
    "ro-crate-1.1_22.3": "who publishes them",
}
"""Recommended check -> why a program cannot fulfil it."""


@pytest.mark.seconds
@pytest.mark.rocrate
@pytest.mark.parametrize("severity", ["required", "recommended"])
def test_the_validator_misses_what_only_people_know(unpacked, severity):
    tools = {**os.environ, "PYTHONPATH": f"{TOOLS['rocrate']}:{ROOT}"}
    command = [sys.executable, "-m", "tests.analysis.paper.validating", str(unpacked), severity]
    done = subprocess.run(command, cwd=ROOT, env=tools, capture_output=True, text=True)
    issues = [line.split() for line in done.stdout.splitlines() if line[:1].isupper()]
    assert done.stdout.endswith(" issues\n"), done.stderr
    assert {words[1] for words in issues} == (set(UNKNOWN) if severity == "recommended" else set())


@pytest.mark.seconds
@pytest.mark.rocrate
def test_a_crate_that_says_less_is_found(unpacked):
    """The validator is asked, and answers."""
    path = unpacked / crate.NAME
    path.write_text(path.read_text().replace('"mainEntity"', '"about"'))
    tools = {**os.environ, "PYTHONPATH": f"{TOOLS['rocrate']}:{ROOT}"}
    command = [sys.executable, "-m", "tests.analysis.paper.validating", str(unpacked), "required"]
    done = subprocess.run(command, cwd=ROOT, env=tools, capture_output=True, text=True)
    assert done.returncode == 1
    assert "REQUIRED workflow-ro-crate-1.0_3.1" in done.stdout
