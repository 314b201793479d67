"""A small study with drawn scores, for those who write a figure, a table or a section.

In: nothing. Out: `Inputs` as every figure gets them, of two norms in one network with eight seeds;
the study is a real one, its decisions are decided, the scores are drawn. ``check(kind, name)`` asks
of an addition what the report will ask. Called by the tests that ``afn-study new`` writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from afn.study.grid.cells import Cell, Study
from afn.study.loading import study_from_mapping
from afn.study.parts.catalogue import task_facts
from analysis import added
from analysis.decisions.decide import decide
from analysis.display.table import Table
from analysis.inputs import Inputs

IMAGES = 360
GAIN = {"batch": 0.0, "afn": 1.5}
"""Points that a norm is better by."""
STUDY: dict[str, Any] = {
    "study": "example",
    "question": "Is the drawn gain found?",
    "seeds": 8,
    "base": {
        "task": "digits8x8",
        "backbone": "convnet_small",
        "norm": "afn",
        "recipe": {"epochs": 3},
    },
    "experiments": {
        "norms": {"factors": {"norm": ["batch", "afn"]}, "contrasts": [["afn", "batch"]]}
    },
    "plan": {"outcomes": ["clean", "shift"], "primary": ["norms"]},
}


def inputs(**changed: Any) -> Inputs:
    """The study, with some of its keys replaced, and what is computed from drawn scores."""
    study = study_from_mapping({**STUDY, **changed}, "example")
    results = drawn(study)
    decisions = decide(results, study)
    history = pd.DataFrame(columns=["task", "backbone", "norm", "recipe", "seed", "epoch"])
    return Inputs(study, results, history, decisions)


def drawn(study: Study) -> pd.DataFrame:
    """The results table of a study whose every run finished, one row per test."""
    rows = [row for cell in study.cells() for row in _rows(study, cell)]
    return pd.DataFrame(rows).astype({"severity": "Int64", "n": "Int64"})


def _rows(study: Study, cell: Cell) -> list[dict[str, Any]]:
    facts = task_facts(cell.settings["task"])
    tests = [("clean", 0), *((c, s) for c in facts["conditions"] for s in facts["severities"])]
    rows = []
    for seed in study.seeds_of(cell):
        common = np.random.default_rng(seed).normal(0, 1.0, len(tests))
        own = np.random.default_rng([seed, len(cell.path)]).normal(0, 0.3, len(tests))
        head: dict[str, Any] = {"study": study.name, "task": cell.task, "backbone": cell.backbone}
        head |= {"norm": cell.norm, "recipe": cell.recipe, "seed": seed}
        head |= {"status": "finished", "reason": None}
        for protocol in cell.protocols:
            for (condition, severity), a, b in zip(tests, common, own, strict=True):
                points = 93 - 6 * severity + GAIN.get(cell.settings["norm"]["name"], 0) + a + b
                right = round(IMAGES * min(points, 100) / 100)
                test = {"split": "test", "condition": condition, "severity": severity}
                test |= {"protocol": protocol, "accuracy": right / IMAGES}
                test |= {"loss": 3.0 * (1 - right / IMAGES), "n": IMAGES}
                rows.append(head | test | {"parameters": 76_000, "step_ms": 2.0, "epochs": 3})
    return rows


def check(kind: str, name: str) -> None:
    """Raise where a figure, table or section is not what a report takes.

    Parameters
    ----------
    kind
        ``figure``, ``table`` or ``section``.
    name
        What a study file writes.

    Raises
    ------
    StudyError
        Where it is not there, or gives something else than its interface says.
    AssertionError
        Where what it gives is incomplete, or another thing the second time.
    """
    loaded = inputs(report={f"{kind}s": [name]})
    given = [_made(kind, loaded) for _ in range(2)]
    assert given[0], f"{name} gives nothing for the example"
    for one, other in zip(*given, strict=True):
        words = one.paragraphs if kind == "section" else (one.title, one.name)
        assert all(words), "words are missing"
        if isinstance(one, Table):
            sizes = {len(one.heads), len(one.align), *map(len, one.rows)}
            assert len(sizes) == 1, f"heads, align and rows differ in length: {sorted(sizes)}"
            assert one.rows == other.rows, "the second time other rows"
        elif kind == "figure":
            assert one.alt, "an alternative text is missing"
            assert one.caption, "a caption is missing"
            pd.testing.assert_frame_equal(one.numbers, other.numbers)


def _made(kind: str, loaded: Inputs) -> list[Any]:
    if kind == "figure":
        from analysis.figures.drawing.picture import Missing, Picture

        made = list(added.pictures(loaded, (Picture, Missing)))
        return [item for item in made if isinstance(item, Picture)]
    return list(added.tables(loaded)) if kind == "table" else added.sections(loaded)
