"""What the archive of a study says of itself: a Workflow Run RO-Crate.

In: the files of the archive, the study, the ledger of its trainings, and what its results were
made with. Out: ``ro-crate-metadata.json``, JSON-LD by RO-Crate 1.1 and the profile Workflow Run
Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5): the workflow that ran, with its version and
language; the run of it, with its times, what went in (the study file) and what came out; every file
with its size, its kind and its sha256. Called by `supplement`. The same files give the same bytes.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from afn import __version__
from afn.study.grid.cells import Study

NAME = "ro-crate-metadata.json"
README = "README.md"
SNAKEFILE = "workflow/Snakefile"
"""Where the workflow lies in the archive."""

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
BIOSCHEMAS = "https://bioschemas.org/profiles/"
MIT = "https://spdx.org/licenses/MIT"
LICENCE, RUN = "#licence", "#run"

KINDS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".bib": "application/x-bibtex",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
"""Ending of a file -> its media type; others are text."""
OUTPUTS = {
    "results/results.parquet": ("#results", "every test of every trained network"),
    "results/decisions.json": ("#decisions", "every comparison that was decided"),
    "report/index.html": ("#report", "the report"),
}
"""File that a run leaves -> the parameter of the workflow that it is, and its name."""


@dataclass(frozen=True)
class Made:
    """When, and with what, the results of a study were made.

    Attributes
    ----------
    began, ended : float or None
        Seconds since 1970, of the first training and of the last; None where nothing tells.
    software : tuple of (name, version)
        As the results hold it: PyTorch's builds.
    devices : tuple of str
        Models of processors and GPUs.
    """

    began: float | None = None
    ended: float | None = None
    software: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ()


def metadata(study: Study, files: Mapping[str, bytes], study_file: str, made: Made) -> bytes:
    """The content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    study : Study
        What was run.
    files : mapping
        Name in the archive -> content, of everything else in it; `SNAKEFILE` among them.
    study_file : str
        The name of the study file in the archive.
    made : Made
        When, and with what.
    """
    parameters = {study_file: ("#study", "the study file"), **OUTPUTS}
    parameters = {name: told for name, told in parameters.items() if name in files}
    outputs = [name for name in parameters if name != study_file]
    software = [_software(name, version) for name, version in made.software]
    graph = [
        {
            "@id": NAME,
            "@type": "CreativeWork",
            "about": _ref("./"),
            "conformsTo": _refs([CRATE, WORKFLOW_CRATE]),
        },
        _root(study, files, made),
        _workflow(study_file, parameters, files, software),
        _action(study, study_file, outputs, made),
        *(_parameter(name, *told) for name, told in parameters.items()),
        *(_file(name, files[name], parameters) for name in sorted(files) if name != SNAKEFILE),
        *software,
        *_known(),
    ]
    text = json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False)
    return (text + "\n").encode()


def _ref(name: str) -> dict[str, str]:
    return {"@id": name}


def _refs(names: Iterable[str]) -> list[dict[str, str]]:
    return [_ref(name) for name in names]


def _when(seconds: float | None) -> str | None:
    """A moment in the form of ISO 8601, in UTC.

    >>> _when(0.25)
    '1970-01-01T00:00:00+00:00'
    """
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).isoformat()


def _tidy(entity: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known, and one value as a value, as RO-Crate recommends."""
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in entity.items()
        if value not in (None, [], "")
    }


def _root(study: Study, files: Mapping[str, bytes], made: Made) -> dict[str, Any]:
    return _tidy(
        {
            "@id": "./",
            "@type": "Dataset",
            "name": study.title,
            "description": study.question,
            "datePublished": _when(made.ended),
            "license": _ref(LICENCE),
            "conformsTo": _refs(PROFILES),
            "mainEntity": _ref(SNAKEFILE),
            "mentions": _refs([RUN]),
            "hasPart": _refs(sorted(files)),
        }
    )


def _workflow(
    study_file: str,
    parameters: Mapping[str, tuple[str, str]],
    files: Mapping[str, bytes],
    software: list[dict[str, Any]],
) -> dict[str, Any]:
    rules = [name for name in sorted(files) if name.startswith("workflow/") and name != SNAKEFILE]
    return _tidy(
        {
            **_described(SNAKEFILE, files[SNAKEFILE]),
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "AFN study",
            "description": "From a study file to trained networks, decisions and a report",
            "version": __version__,
            "license": _ref(MIT),
            "programmingLanguage": _ref(LANGUAGE),
            "conformsTo": _ref(f"{BIOSCHEMAS}ComputationalWorkflow/1.0-RELEASE"),
            "hasPart": _refs(rules),
            "input": _refs(told[0] for name, told in parameters.items() if name == study_file),
            "output": _refs(told[0] for name, told in parameters.items() if name != study_file),
            "softwareRequirements": _refs(one["@id"] for one in software),
        }
    )


def _action(study: Study, study_file: str, outputs: list[str], made: Made) -> dict[str, Any]:
    on = f", on {', '.join(made.devices)}" if made.devices else ""
    return _tidy(
        {
            "@id": RUN,
            "@type": "CreateAction",
            "name": f"The study {study.name}",
            "description": f"All networks of {study_file} trained, tested and compared{on}",
            "instrument": _ref(SNAKEFILE),
            "object": _refs([study_file]),
            "result": _refs(outputs),
            "startTime": _when(made.began),
            "endTime": _when(made.ended),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
    )


def _parameter(name: str, identifier: str, told: str) -> dict[str, Any]:
    """A parameter of the workflow, of which a file is an example."""
    return {
        "@id": identifier,
        "@type": "FormalParameter",
        "additionalType": "File",
        "conformsTo": _ref(f"{BIOSCHEMAS}FormalParameter/1.0-RELEASE"),
        "name": identifier.removeprefix("#"),
        "description": told,
        "workExample": _ref(name),
    }


def _described(name: str, content: bytes) -> dict[str, Any]:
    return {
        "@id": name,
        "@type": "File",
        "contentSize": str(len(content)),
        "encodingFormat": KINDS.get(PurePosixPath(name).suffix, "text/plain"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _file(name: str, content: bytes, parameters: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    entity = _described(name, content)
    if name == README:
        entity |= {"name": "what is where", "about": _ref("./")}
    if name in parameters:
        identifier, told = parameters[name]
        entity |= {"name": told, "exampleOfWork": _ref(identifier)}
    return entity


def _software(name: str, version: str) -> dict[str, Any]:
    """A package by its page in the index."""
    page = f"https://pypi.org/project/{name}/"
    return {
        "@id": f"{page}#{version}",
        "@type": "SoftwareApplication",
        "name": name,
        "softwareVersion": version,
        "url": page,
    }


def _known() -> list[dict[str, Any]]:
    """What is named and is no file: profiles, language, licences."""
    profiles = [
        {"@id": page, "@type": "CreativeWork", "name": name, "version": version}
        for page, (name, version) in PROFILES.items()
    ]
    language = {
        "@id": LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": _ref("https://doi.org/10.1093/bioinformatics/bts480"),
        "url": _ref("https://snakemake.readthedocs.io"),
    }
    licences = [
        {"@id": MIT, "@type": "CreativeWork", "name": "MIT License", "url": MIT},
        {
            "@id": LICENCE,
            "@type": "CreativeWork",
            "name": "The workflow: MIT License; the results: as their authors say",
            "description": "A program made this archive; it grants no licence to results.",
        },
    ]
    return [*profiles, language, *licences]
