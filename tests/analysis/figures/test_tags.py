"""Marks say which cell they show, in every family of figures: the toolbox acts on all of them."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from analysis.decisions.domain_matrices import matrices
from analysis.display import naming
from analysis.figures import domains, published, waves
from analysis.figures.drawing import cells, style
from analysis.published.judging import judge
from tests.analysis.figures.test_search_figures import drawn, named, search
from tests.analysis.table_results import study_of, table_results

PICTURES = {"samples"}
"""Figures of images, which show no cell."""


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def marks(text: str) -> list[list[str]]:
    """Cell and words of every mark of a saved figure."""
    found = re.search(r'\sdata-marks="([^"]*)"', text)
    return list(json.loads(html.unescape(found[1])).values()) if found else []


def arms(figure) -> set[str]:
    told = cells.of(figure).values()
    assert any(words for _, words in told)
    return {t for cell, _ in told for t in cell.split() if t.startswith("arm:")}


def test_every_figure_of_the_default_study_has_marks_with_cells(default):
    without = set()
    for made in default.index["made"]:
        text = (default.folder / "figures" / made["files"]["svg"]).read_text("utf-8")
        if not any("arm:" in cell for cell, _ in marks(text)):
            without.add(made["name"])
    assert without == PICTURES


def test_every_arm_of_the_numbers_is_found_in_the_figure(default):
    """What a figure has a number of is reached by the arm's button."""
    import pandas as pd

    seen = set()
    for made in default.index["made"]:
        if not made["name"].startswith(("confound", "trend", "factorial", "levels")):
            continue
        folder = default.folder / "figures"
        rows = pd.read_csv(folder / made["files"]["csv"])
        rows = rows[rows["quantity"].isin(["accuracy", "difference"])]
        text = (folder / made["files"]["svg"]).read_text("utf-8")
        found = {t for cell, _ in marks(text) for t in cell.split()}
        wanted = {t for row in rows.to_dict("records") for t in naming.tokens(row).split()}
        assert wanted <= found, made["name"]
        seen.add(made["name"].partition("-")[0])
    assert {"confound", "trend", "factorial"} <= seen


def test_marks_of_searches_have_the_arm_of_their_search():
    values = [50.0, 70.0, 60.0, 80.0, 75.0, 90.0, 65.0, 85.0, 55.0, 95.0, 72.0, 88.0]
    made = named(drawn(search(values), search(values[::-1], norm="batch")))
    for name in ("history", "budget", "slices", "coordinates"):
        assert arms(made[name].figure) == {"arm:afn", "arm:batch"}, name
    words = [w for _, w in cells.of(made["slices"].figure).values()]
    assert any("trial 3, complete: 80.00" in w for w in words)


def test_marks_of_printed_numbers_have_our_cells():
    study = study_of("table5_cifar10", protocol_sweep=None, seeds=6)
    inputs = SimpleNamespace(
        published=judge(study, table_results(study, lambda *_: 90.0)), study=study
    )
    style.use()
    (picture,) = published.pictures(inputs)
    wanted = {r["norm"] for r in inputs.published.numbers if r["cells"]}
    assert arms(picture.figure) == {f"arm:{norm}" for norm in wanted}
    told = [words for _, words in cells.of(picture.figure).values()]
    assert any("ours 90.00" in words for words in told)


def test_places_of_a_matrix_have_their_arm_and_target():
    study = study_of("digits_small", seeds=6)
    found = matrices(study, table_results(study, lambda *_: 80.0))
    inputs = SimpleNamespace(
        domains=found, study=study, published=SimpleNamespace(numbers=[]), recipe_name=lambda _: ""
    )
    style.use()
    figures = [p.figure for p in domains.pictures(inputs)]
    own = {t for f in figures for t in arms(f)}
    assert own == {f"arm:{m.norm}" for m in found}
    every = " ".join(cell for f in figures for cell, _ in cells.of(f).values())
    assert "outcome:usps" in every


def test_the_path_of_a_comparison_belongs_to_both_arms(default):
    d = next(d for d in default.inputs.decisions if d.primary and d.a != d.b)
    row = {"look": 1, "n": 5, "estimate": 0.4, "interval": [-1.0, 2.0]}
    row |= {"interval_equivalence": [-0.5, 1.5], "interval_family": [-1.2, 2.2]}
    given = dataclasses.replace(d, path=[row, row | {"look": 2, "n": 10}])
    figure, axes = style.panels(1, 1, height=1.5)
    inputs = SimpleNamespace(study=SimpleNamespace(looks=[5, 10]), comparison=lambda _: "A - B")
    waves._panel(axes[0][0], inputs, given, 3.0)
    assert arms(figure) == {f"arm:{arm.norm}" for arm in d.arms}
