"""Numbers of things that README.md and docs/ state are counted again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from afn.study import load_study
from afn.study.parts.catalogue import entry, registry, task_facts
from analysis.paper import references

ROOT = Path(__file__).resolve().parents[2]
WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
WORDS = f"{WORDS} fifteen sixteen seventeen eighteen nineteen".split()
README = " ".join((ROOT / "README.md").read_text().split())
TASKS = (ROOT / "docs/tasks.md").read_text()


def said(pattern: str, text: str = README) -> int:
    found = re.search(pattern, text)
    assert found, f"the sentence with {pattern!r} is gone"
    word = found[1].lower().replace(",", "")
    return WORDS.index(word) if word in WORDS else int(word)


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "config.yaml")


@pytest.mark.about("README.md", "config.yaml")
def test_the_default_study_is_as_large_as_the_readme_says(study):
    assert said(r"trains ([\d,]+) networks") == len(list(study.runs()))
    groups = study.searches()
    trials = sum(sum(map(len, g.rounds)) * len(g.cells) * len(g.seeds) for g in groups)
    finals = sum(g.final_slots * len(g.cells) * len(g.final_seeds) for g in groups)
    assert said(r"and ([\d,]+) more in (?:a search|searches)") == trials + finals
    cells = [c for c in study.cells() if "normalizations" in c.experiments]
    assert said(r": (\w+) normalisations in") == len({c.norm for c in cells})
    assert said(r"normalisations in (\w+) networks") == len({c.backbone for c in cells})
    facts = task_facts(study.cells()[0].settings["task"])
    shifted = len(facts["conditions"]) * len(facts["severities"])
    assert said(r"on clean images and on (\w+) shifted versions") == shifted
    assert said(r"on the ([\d,]+) real handwritten digits") == sum(facts["split_sizes"])
    assert said(r"(\w+) paired seeds each") == len(study.seeds)


@pytest.mark.about("docs/tasks.md")
def test_data_sets_are_as_large_as_the_page_says():
    table = TASKS.partition("| data set | origin |")[2].partition("\n\n")[0]
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines()}
    digits = entry("task", "digits").literals["plan_sizes"]
    names = {"MNIST": "mnist", "SVHN": "svhn", "USPS": "usps", "MNIST-M": "mnist_m", "SYN": "syn"}
    assert set(names.values()) == set(digits)
    for shown, name in names.items():
        for part in ("train", "test"):
            assert f"{digits[name][part]:,}" in rows[shown], (shown, part)
    cifar = entry("task", "cifar10").literals["plan_sizes"]
    own = next(row for name, row in rows.items() if name.startswith("CIFAR-10,"))
    assert all(f"{n:,}" in own for n in cifar.values())
    pacs = entry("task", "pacs").literals["plan_sizes"]
    assert f"{sum(domain['test'] for domain in pacs.values()):,}" in rows["PACS"]
    for name, domain in pacs.items():
        assert f"{name.replace('_', ' ')} {domain['test']:,}" in rows["PACS"]
    sizes = entry("task", "digits8x8").literals["split_sizes"]
    own = next(row for name, row in rows.items() if "digits8x8" in name)
    assert " / ".join(f"{n:,}" for n in sizes) in own


@pytest.mark.about("docs/tasks.md")
def test_every_task_with_data_has_their_origin():
    origins = TASKS.partition("| data set | origin |")[2].partition("\n\n")[0]
    named = {"digits8x8": "digits8x8", "digits": "MNIST", "cifar10": "CIFAR-10", "pacs": "PACS"}
    named |= {"cifar100": "CIFAR-100", "cifar10_c": "CIFAR-10-C"}
    own = {"images", "shifted"}  # the user's pictures, and another task's
    assert set(registry("task")) == {*named, *own}
    assert all(text in origins for text in named.values())


@pytest.mark.about("docs/tasks.md", "analysis/paper/references.py")
def test_every_data_set_is_cited_as_papers_cite_it():
    table = TASKS.partition("| data set | origin |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    said = {key for row in rows for key in re.findall(r"`(\w+)`", row[2])}
    cited = {key for task in registry("task") for key in references.TASKS.get(task, ())}
    assert said == cited
    assert said <= set(re.findall(r"^@\w+\{(\w+),", references.LIBRARY.read_text(), re.MULTILINE))
    for row in rows:
        key = re.findall(r"`(\w+)`", row[2])[0]
        assert key[-4:] in row[1], f"{row[0]}: its year is not that of {key}"


@pytest.mark.about("CITATION.cff")
def test_the_abstract_counts_the_layers():
    text = " ".join((ROOT / "CITATION.cff").read_text().split())
    assert said(r"and (\w+) other normalisation layers", text) == len(registry("norm")) - 1
