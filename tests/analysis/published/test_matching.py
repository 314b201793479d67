"""Every printed number finds its cells in a study, or is told why not."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.resources import files as resources
from pathlib import Path

import pytest
import yaml

from afn.study.grid.expansion import expand
from afn.study.grid.schema import StudyFile
from afn.study.loading import load_study
from analysis.published.matching import matches
from tests import shipped

STUDIES = Path(__file__).resolve().parents[3] / "studies"
MATCHED = {
    "ablations_cifar10": {},
    "digits_small": {},
    "table1_digits": {1: 20},
    "table2_cifar10_c": {2: 18},
    "table3_pacs_single": {3: 20},
    "table4_pacs_multi": {4: 20},
    "table5_cifar10": {5: 21},
    "table6_cifar100": {6: 18},
}


def changed(name, **base):
    """A study of the checkout with other base settings, each a part's option or a whole part."""
    raw = yaml.safe_load((STUDIES / f"{name}.yaml").read_text())
    for part, value in base.items():
        old = raw["base"][part]
        raw["base"][part] = {**old, **value} if isinstance(value, dict) else value
    return expand(StudyFile.model_validate(raw))


def pick(rows, **wanted):
    (row,) = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return row


def test_every_study_is_counted():
    assert set(MATCHED) == set(shipped.STUDIES)


@pytest.mark.parametrize("name", MATCHED)
def test_number_of_matched_numbers(name):
    study = load_study(STUDIES / f"{name}.yaml")
    matched, unmatched = matches(study)
    counts = {}
    for row in matched:
        counts[row["table"]] = counts.get(row["table"], 0) + 1
        for path in row["cells"]:
            cell = study.cell(path)
            assert cell.norm == row["norm"]
            assert row["protocol"] in cell.protocols
    assert counts == MATCHED[name]
    assert len(matched) + len(unmatched) == 117
    assert all(row["reason"] for row in unmatched)


def test_protocols_are_those_of_the_printed_numbers():
    matched, _ = matches(load_study(STUDIES / "table1_digits.yaml"))
    found = {(row["norm"], row["protocol"]) for row in matched}
    assert found == {
        ("batch", "running"),
        ("batch_instance", "running"),
        ("asr", "any"),
        ("afn", "test_batch"),
    }


def test_digits_are_averaged_over_the_other_sources():
    study = load_study(STUDIES / "table1_digits.yaml")
    matched, _ = matches(study)
    row = pick(matched, norm="afn", condition="svhn")
    sources = [study.cell(path).settings["task"]["source"] for path in row["cells"]]
    assert (sources, row["outcome"]) == (["mnist", "usps", "mnist_m"], "svhn")
    row = pick(matched, norm="afn", condition="average")
    assert (len(row["cells"]), row["outcome"]) == (4, "shift")


def test_pacs_columns_are_sources_in_table_3_and_targets_in_table_4():
    for name, option in (("table3_pacs_single", "source"), ("table4_pacs_multi", "target")):
        study = load_study(STUDIES / f"{name}.yaml")
        matched, _ = matches(study)
        (path,) = pick(matched, method="rsc", condition="photo")["cells"]
        cell = study.cell(path)
        assert cell.settings["task"][option] == "photo"
        assert (cell.norm, cell.settings["recipe"]["name"]) == ("batch", "rsc")
        (path,) = pick(matched, method="erm", condition="photo")["cells"]
        assert study.cell(path).settings["recipe"]["name"] == "plain"


def test_outcomes_of_corrupted_and_clean_images():
    matched, _ = matches(load_study(STUDIES / "table2_cifar10_c.yaml"))
    assert pick(matched, norm="afn", condition="severity_4")["outcome"] == "severity_4"
    assert pick(matched, norm="afn", condition="average")["outcome"] == "shift"
    matched, _ = matches(load_study(STUDIES / "table6_cifar100.yaml"))
    assert {row["outcome"] for row in matched} == {"clean"}


def test_reasons_name_what_is_missing():
    def reason(study, **row):
        return pick(matches(study)[1], **row)["reason"]

    five = load_study(STUDIES / "table5_cifar10.yaml")
    row = {"table": 1, "method": "afn", "condition": "mnist"}
    assert reason(five, **row).startswith("the study has no task digits with source svhn")
    row = {"table": 6, "backbone": "resnet50", "method": "afn"}
    assert reason(five, **row) == "the study has no task cifar100"
    row = {"table": 5, "backbone": "resnet32", "method": "afn"}
    other = changed("ablations_cifar10", task="cifar10")
    assert reason(other, **row) == "the study has no backbone resnet32 on task cifar10"
    row = {"table": 5, "backbone": "resnet18", "method": "afn"}
    assert "schedule cosine, not alrs" in reason(other, **row)
    small = changed("digits_small", backbone="convnet")
    row = {"table": 1, "method": "afn", "condition": "svhn"}
    assert "targets mnist/mnist_m/svhn/usps" in reason(small, **row)
    four = load_study(STUDIES / "table4_pacs_multi.yaml")
    row = {"table": 3, "method": "rsc+afn", "condition": "photo"}
    assert reason(four, **row) == "the study has no task pacs with source photo, target rest"


def test_a_norm_a_protocol_and_a_choice_that_are_missing():
    study = load_study(STUDIES / "table1_digits.yaml")

    class Fewer:
        def __init__(self, cells):
            self.cells = lambda: cells

    no_norm = Fewer([c for c in study.cells() if c.norm != "batch_instance"])
    row = pick(matches(no_norm)[1], table=1, method="batch_instance", condition="average")
    assert row["reason"].startswith("the study has no norm batch_instance on task digits")
    running = [
        replace(c, protocols={k: v for k, v in c.protocols.items() if k == "running"})
        for c in study.cells()
    ]
    row = pick(matches(Fewer(running))[1], table=1, method="afn", condition="average")
    assert row["reason"] == "the study does not test norm afn with batch statistics"
    twice = [*study.cells(), *(replace(c, recipe="longer") for c in study.cells())]
    row = pick(matches(Fewer(twice))[1], table=1, method="afn", condition="average")
    assert row["reason"].startswith("several recipes fit: ")
    searched = Fewer([replace(c, search="tuned/afn") for c in study.cells()])
    row = pick(matches(searched)[1], table=1, method="afn", condition="average")
    assert "settings that a search chooses" in row["reason"]


def test_the_table_is_package_data():
    assert resources("analysis.published").joinpath("accuracies.csv").is_file()
    project = tomllib.loads((STUDIES.parent / "pyproject.toml").read_text())
    assert "*.csv" in project["tool"]["setuptools"]["package-data"]["analysis.published"]


def test_matching_needs_no_torch():
    code = (
        "import sys; from afn.study.loading import load_study; "
        "from analysis.published.matching import matches; "
        "matches(load_study(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    study = STUDIES / "table1_digits.yaml"
    done = subprocess.run([sys.executable, "-c", code, study], check=False, cwd=STUDIES.parent)
    assert done.returncode == 0
