"""The paper of a study: its numbers are the decisions', its figures print, its source compiles."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib import image

from analysis.decisions.decision import write_decisions
from analysis.figures import confound, forest, making, severity
from analysis.figures.drawing.picture import Picture
from analysis.paper import compiling, document, figures, markup, methods, references, results
from analysis.paper.writing import write
from analysis.report import answer
from tests.analysis.figures.test_text import overlaps
from tests.analysis.pages import HOSTILE, MINIMAL, TWO_WAYS, default_document, load
from tests.referee import paper as referee
from tests.sharing import once

WIDTHS = {3.25, 6.75}


def decided(inputs, folder: Path) -> Path:
    """decisions.json of made-up inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_decisions(folder / "decisions.json", inputs.decisions, {})
    return folder / "decisions.json"


def shared(factory, name: str, document_of: dict, **drawn):
    def make(folder: Path):
        inputs = load(document_of, **drawn)
        decided(inputs, folder)
        with pytest.MonkeyPatch.context() as patch:
            # Every family is drawn by the test of the type; these are those that the paper shows.
            patch.setattr(making, "FAMILIES", (forest, confound, severity))
            return inputs, folder, write(inputs, folder / "paper", pdf=False)

    return once(factory, f"paper-{name}", make)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Two networks, two statistics, an ablation, a trend and a grid; a run diverged."""
    lost = [("resnet8", "afn+residual=off", 2)]
    return shared(tmp_path_factory, "small", TWO_WAYS | {"question": HOSTILE}, diverged=lost)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The default study; of the primary family, runs of two comparisons diverged."""
    lost = [("resnet8", "afn+residual=off", 2)]
    return shared(tmp_path_factory, "whole", default_document(), diverged=lost)


@pytest.mark.seconds
@pytest.mark.parametrize("name", ["small", "whole"])
def test_numbers_are_those_of_the_decisions(name, request):
    _, folder, _ = request.getfixturevalue(name)
    assert referee.findings(folder / "paper", folder / "decisions.json") == []


@pytest.mark.parametrize("key", ["estimate", "p_adjusted", "verdict", "n", "ci"])
def test_another_number_is_found(small, tmp_path, key):
    folder = small[1]
    other = {"estimate": 9.99, "p_adjusted": 0.7777, "p": 0.7777, "verdict": "undecided", "n": 4}
    other["ci"] = [-9.99, 9.98]
    changed = json.loads((folder / "decisions.json").read_text(encoding="utf-8"))["decisions"]
    first = next(d for d in changed if d["primary"])
    first[key] = other[key]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({"decisions": changed}), encoding="utf-8")
    assert referee.findings(folder / "paper", path)


def test_results_say_what_the_page_says(small):
    inputs, folder, _ = small
    text = (folder / "paper/results.md").read_text(encoding="utf-8").replace("\\", "")
    for sentence in [*answer.sentences(inputs), *answer.after(inputs)]:
        assert sentence in text


def test_figures_have_the_width_of_a_column_or_a_page(small):
    _, folder, _ = small
    index = json.loads((folder / "paper/index.json").read_text(encoding="utf-8"))
    found = {entry["name"]: entry["width"] for entry in index["made"]}
    assert found["forest-column"] == 3.25
    assert found["forest"] == 6.75
    assert set(found.values()) <= WIDTHS
    for entry in index["made"]:
        pixels = image.imread(folder / "paper/figures" / entry["files"]["png"]).shape[1]
        assert pixels == pytest.approx(300 * entry["width"], abs=1)
        assert len(pd.read_csv(folder / "paper/figures" / entry["files"]["csv"]))


@pytest.mark.seconds
def test_type_is_legible_and_no_text_lies_over_another():
    inputs = load(default_document())
    for item in figures.pictures(inputs):
        if not isinstance(item, Picture):
            continue
        sizes = {t.get_fontsize() for t in figures.texts(item.figure) if t.get_text().strip()}
        assert min(sizes) >= 7, item.name
        assert max(sizes) <= 8, item.name
        assert overlaps(item.figure) == [], item.name
        box = item.figure.get_tightbbox()
        assert box.x0 > -0.02, item.name
        assert box.x1 < item.figure.get_figwidth() + 0.02, item.name
        plt.close(item.figure)


def test_every_work_that_is_cited_is_in_the_bibliography(small):
    _, folder, _ = small
    paper = folder / "paper"
    texts = [p.read_text(encoding="utf-8") for p in paper.glob("*.tex")]
    groups = re.findall(r"\\citep\{([^}]*)\}", " ".join(texts))
    keys = {key for group in groups for key in group.split(",")}
    listed = re.findall(r"^@\w+\{(\w+),", (paper / "references.bib").read_text(), re.MULTILINE)
    assert sorted(keys) == listed
    assert {"holm1979", "zhou2023", "ioffe2015", "kingma2015", "paszke2019"} <= keys


def test_the_library_of_works_is_whole():
    known = references.library()
    text = references.LIBRARY.read_text(encoding="utf-8")
    assert len(known) == text.count("\n@") + 1
    for key, entry in known.items():
        assert re.search(r"^  year = \{\d{4}\}", entry, re.MULTILINE), key
        assert "author = {" in entry, key
        assert "title = {" in entry, key
    used = [*references.NORMS.values(), *references.BACKBONES.values()]
    tables = (references.TASKS, references.RECIPES, references.OPTIMIZERS, references.SAMPLERS)
    used += [keys for table in tables for keys in table.values()]
    assert {key for keys in used for key in keys} <= known.keys()


def test_parts_that_are_registered_are_cited():
    from afn.study.parts.catalogue import registry

    assert references.NORMS.keys() == set(registry("norm"))
    assert references.TASKS.keys() == set(registry("task")) - {"images", "shifted"}
    assert all(references.of_backbone(n) for n in registry("backbone") if n != "convnet_small")


def test_methods_follow_the_plan():
    inputs = load(MINIMAL | {"plan": MINIMAL["plan"] | {"margin": 0.7, "alpha": 0.1}})
    text = " ".join(methods.paragraphs(inputs).values())
    assert "\u00b10.7 points" in text
    assert "alpha = 0.1, without a correction" in text
    assert "80 % interval lies within" in text
    assert "Seeds: 6: 0 to 5" in text
    assert "12 networks were trained for the decisions; none diverged" in text
    assert "Holm" not in text
    two = " ".join(methods.paragraphs(load(TWO_WAYS)).values())
    assert "six comparisons" not in two
    assert "has three comparisons" in two
    assert "after Holm's correction [@holm1979]" in two


def test_methods_count_hours_and_machines(small):
    inputs = small[0]
    text = methods.computation(inputs)
    runs = inputs.results.drop_duplicates(["task", "backbone", "norm", "recipe", "seed"])
    minutes = runs["train_seconds"].sum() / 60
    shown = float(re.search(r"Training took ([\d.]+) minutes", text)[1])
    assert shown == pytest.approx(minutes, rel=0.05)
    assert f"{len(runs)} runs with version 2.0.0 on cpu (synthetic" in text


def test_settings_that_change_nothing_are_not_told():
    told = methods.recipe(load(MINIMAL))
    assert "learning rate 0.001" in told
    assert "alrs" not in told
    assert "momentum" not in told
    other = dict(MINIMAL["base"], recipe={"optimizer": "sgd", "schedule": "alrs", "lr": 0.1})
    told = methods.recipe(load(MINIMAL | {"base": other}))
    assert "momentum 0.9" in told
    assert "alrs threshold 0.01" in told


def test_a_study_without_comparisons_has_a_paper_too():
    study = json.loads(json.dumps(MINIMAL))
    study["experiments"]["only"].pop("contrasts")
    study["plan"] = {"outcomes": ["clean"]}
    inputs = load(study)
    found = document.files(inputs, [])
    assert "decides nothing" in found["results.md"]
    assert "tables/primary.tex" not in found
    assert results.numbers(inputs) == []


def test_citations_in_both_languages():
    text = "A_b [@one; @two], 5 %."
    assert markup.latex(text) == r"A\_b~\citep{one,two}, 5~\%."
    assert markup.markdown(text) == r"A\_b [@one; @two], 5 %."
    assert markup.cited([text, "again [@one]"]) == ["one", "two"]
    # Square brackets that are no citation are text.
    assert markup.cited(["[+1.0, +2.0] and [x]"]) == []


@pytest.mark.latex
@pytest.mark.seconds
@pytest.mark.parametrize("name", ["small", "whole"])
def test_it_compiles_with_nothing_sticking_out(name, request, tmp_path):
    _, folder, _ = request.getfixturevalue(name)
    work = tmp_path / "paper"
    shutil.copytree(folder / "paper", work)
    assert compiling.compile_paper(work) == []
    first = (work / "paper.pdf").read_bytes()
    assert compiling.compile_paper(work) == []
    assert (work / "paper.pdf").read_bytes() == first
    text = subprocess.run(
        ["pdftotext", "paper.pdf", "-"], cwd=work, capture_output=True, text=True, check=True
    ).stdout
    assert "??" not in text
    assert "Holm" in text
    fonts = _fonts(work / "paper.pdf")
    assert fonts
    assert all(embedded == "yes" for _, embedded in fonts)
    for figure in sorted((work / "figures").glob("*.pdf"))[:4]:
        assert {kind for kind, _ in _fonts(figure)} <= {"CID TrueType", "TrueType"}


def _fonts(path: Path) -> list[tuple[str, str]]:
    """Type of every font of a PDF, and whether it is embedded."""
    done = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()[2:]
    found = [re.search(r" (CID TrueType|TrueType|Type 1C?|Type 3|CID Type 0C?) .* (yes|no)", x)
             for x in lines]  # fmt: skip
    embedded = [
        re.search(r"(yes|no) +(?:yes|no) +(?:yes|no) +\d+ +\d+$", line)[1] for line in lines
    ]
    return [(m[1], e) for m, e in zip(found, embedded, strict=True)]
