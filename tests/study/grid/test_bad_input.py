"""Each mistake in a study file gives one message that names the file, the key and the way out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from afn.common.errors import StudyError
from afn.study.grid.reading import read_mapping
from afn.study.loading import load_study
from afn.study.state.owner import load_own
from tests.study.conftest import ROOT, SMALL


def _set(mapping: dict, keys: str, value: object) -> None:
    *path, last = keys.split("/")
    for key in path:
        mapping = mapping[key]
    mapping[last] = value


MISTAKES = {
    "misspelt key": ("plan/alhpa", 0.05, ["plan.alhpa", "unknown key", "did you mean 'alpha'"]),
    "misspelt top key": ("seed", 3, ["seed", "unknown key", "did you mean 'seeds'"]),
    "misspelt experiment key": (
        "experiments/norms/contrast",
        [],
        ["experiments.norms.contrast", "did you mean 'contrasts'"],
    ),
    "unknown norm": (
        "experiments/norms/factors/norm",
        ["bacth", "afn"],
        ["experiments.norms.factors.norm", "unknown norm 'bacth'", "did you mean 'batch'"],
    ),
    "unknown option": (
        "experiments/ratios/factors",
        {"norm.stan_ration": [1, 2]},
        ["norm.stan_ration", "has no option 'stan_ration'", "did you mean 'stan_ratio'"],
    ),
    "unknown part": (
        "experiments/ratios/factors",
        {"nrom.stan_ratio": [1, 2]},
        ["nrom.stan_ratio", "did you mean 'norm.stan_ratio'"],
    ),
    "ratio of 0": (
        "experiments/ratios/factors",
        {"norm.stan_ratio": [0, 2, 4]},
        ["norm.stan_ratio = 0", "greater than or equal to 1"],
    ),
    "wrong word": (
        "base/norm",
        {"name": "afn", "residual": "lerned"},
        ["base.norm", "residual = 'lerned'", "'learned'"],
    ),
    "unknown optimizer": (
        "base/recipe",
        {"optimizer": "adamv"},
        ["base.recipe", "recipe.optimizer = 'adamv'", "unknown optimizer", "did you mean 'adam"],
    ),
    "unknown schedule": (
        "experiments/ratios/factors",
        {"recipe.schedule": ["cosine", "cosin"]},
        ["factors.recipe.schedule", "unknown schedule 'cosin'", "did you mean 'cosine'"],
    ),
    "augmentation that no module has": (
        "base/recipe",
        {"augmentation": "afn.training.augmentations.shift:Shft"},
        ["base.recipe", "has no 'Shft'", "did you mean 'Shift'"],
    ),
    "empty factor": (
        "experiments/norms/factors/norm",
        [],
        ["experiments.norms.factors.norm", "at least 1 item"],
    ),
    "arm that no run makes": (
        "experiments/norms/contrasts",
        [["afn", "group"]],
        ["experiments.norms.contrasts", "no run of this experiment makes 'group'", "afn"],
    ),
    "protocol that is not there": (
        "experiments/norms/contrasts",
        [["afn@test_btach", "batch"]],
        ["no protocol 'test_btach'", "did you mean 'test_batch'"],
    ),
    "arm that is not tested so": (
        "experiments/norms/contrasts",
        [["afn_released@running", "batch"]],
        ["'afn_released' is not tested under 'running'", "test_batch"],
    ),
    "too few seeds": ("seeds", 5, ["seeds", "sign-flip", "p = 0.0625", "at least 8 seeds"]),
    "no seeds": ("seeds", 0, ["seeds", "greater than or equal to 1"]),
    "unknown outcome": ("plan/outcomes", ["cleen"], ["plan.outcomes", "did you mean 'clean'"]),
    "unknown experiment": ("plan/primary", ["norm"], ["plan.primary", "did you mean 'norms'"]),
    "trend of no factor": (
        "experiments/ratios/trend",
        "norm.lambda_init",
        ["experiments.ratios.trend", "no factor of it"],
    ),
    "batch without size": (
        "protocols/test_batch",
        {"statistics": "batch"},
        ["protocols.test_batch", "batch_size"],
    ),
    "unsafe name": ("study", "../elsewhere", ["study", "pattern"]),
    "not a number": ("base/recipe", {"lr": float("nan")}, ["base.recipe", "lr"]),
    "not a mapping": ("base", 3, ["base"]),
    "unknown task": ("base/task", "digits8x9", ["base.task", "did you mean 'digits8x8'"]),
    "unknown backbone": ("base/backbone", "resnet9", ["base.backbone", "did you mean 'resnet8'"]),
    "learning rate by its long name": (
        "base/recipe",
        {"learning_rate": 0.1},
        ["base.recipe", "no option 'learning_rate'", "did you mean 'lr'"],
    ),
    "an option as a factor": (
        "experiments/ratios/factors",
        {"lr": [0.1, 0.2]},
        ["experiments.ratios.factors.lr", "did you mean 'recipe.lr'", "valid: backbone, norm"],
    ),
    "an option of another part": (
        "experiments/ratios/factors",
        {"norms.lambda_init": [-1, -3]},
        ["factors.norms.lambda_init", "did you mean 'norm.lambda_init'"],
    ),
    "a key like a branch of pydantic": ("pl[n", 3, ["pl[n: unknown key", "did you mean 'plan'"]),
    "a key like a type": ("int", 3, ["int: unknown key"]),
    "an option at the top": ("epochs", 3, ["epochs", "unknown key", "recipe.epochs is an option"]),
    "an option that a norm lacks": (
        "experiments/norms/factors",
        {"norm": ["batch", "afn"], "norm.lambda_init": [-1, -3]},
        ["norm 'batch' has no option 'lambda_init'", "where_applicable: true"],
    ),
    "an option that no norm has": (
        "experiments/norms/factors",
        {"norm": ["batch", "afn"], "norm.lamda": [-1, -3]},
        ["norm 'batch' has no option 'lamda'; valid: eps, momentum$"],
    ),
    "truth as a number": ("seeds", True, ["seeds = True", "valid integer"]),
    "text as a number": ("seeds", "8", ["seeds = '8'", "valid integer"]),
    "text as an option": ("base/recipe", {"lr": "0.1"}, ["recipe.lr = '0.1'", "valid number"]),
    "truth as an option": ("base/recipe", {"epochs": True}, ["recipe.epochs = True", "integer"]),
    "text as truth": (
        "experiments/ratios/where_applicable",
        "yes",
        ["experiments.ratios.where_applicable = 'yes'", "valid boolean"],
    ),
    "a seed beyond 63 bits": (
        "seeds",
        [*range(7), 2**63],
        ["seeds.7 = 9223372036854775808: ", "less than 9223372036854775808"],
    ),
    "a negative seed": ("seeds", [-1, *range(8)], ["seeds.0 = -1", "greater than or equal to 0"]),
    "a seed given twice": ("seeds", [0, 1, 1], ["seeds", "1 is given twice"]),
    "seeds without end": ("seeds", 10**9, ["seeds = 1000000000", "less than or equal to 100000"]),
    "more runs than anybody trains": ("seeds", 90_000, ["seeds", "540,000 runs", "at most 33,333"]),
    "an alpha of nothing": ("plan/alpha", 1e-300, ["plan.alpha = 1e-300", "0.000001"]),
    "a margin of nothing": ("plan/margin", 1e-320, ["plan.margin = 1e-320", "0.000001"]),
    "a batch of all images there are": (
        "base/recipe",
        {"batch_size": 10**9},
        ["recipe.batch_size = 1000000000", "less than or equal to 1000000"],
    ),
    "a rate of all numbers there are": (
        "base/recipe",
        {"lr": 1e300},
        ["recipe.lr = 1e+300", "less than or equal to 1000"],
    ),
    "a width of all numbers there are": (
        "base/backbone",
        {"name": "resnet8", "width": 10**12},
        ["base.backbone", "width = 1000000000000: is out of range: at most 1e+09"],
    ),
    "an eps that is 0 in the network": (
        "base/norm",
        {"name": "batch", "eps": 1e-300},
        ["base.norm", "norm.eps = 1e-300: is out of range: 0, or at least 1e-30"],
    ),
    "a test batch of all images there are": (
        "protocols/test_batch/batch_size",
        10**9,
        ["protocols.test_batch.batch_size = 1000000000", "1000000"],
    ),
    "a norm of nothing": ("base/norm", ":", ["base.norm", "unknown norm ':'", "package.module:Cl"]),
    "a norm of no module": ("base/norm", "a/b:C", ["base.norm", "unknown norm 'a/b:C'"]),
    "a norm outside": ("base/norm", "..a:C", ["base.norm", "unknown norm '..a:C'"]),
    "a norm that is half a list": (
        "base/norm",
        "afn+residual=[",
        ["base.norm", "'afn+residual=['", "not valid YAML"],
    ),
    "a range that its step leaves": (
        "experiments/ratios/search",
        {"space": {"recipe.batch_size": {"int": [16, 64], "step": 20}}, "trials": 4},
        ["search.space.recipe.batch_size", "step 20", "[16, 56] or [16, 76]"],
    ),
    "a step beyond its range": (
        "experiments/ratios/search",
        {"space": {"recipe.batch_size": {"int": [16, 20], "step": 8}}, "trials": 4},
        ["int = [16, 20] with step 8: 20 is never reached; nearest valid: [16, 24]$"],
    ),
    "a space without parts": (
        "experiments/ratios/search",
        {"space": {"learning_rate": {"log": [1e-4, 1e-1]}}, "trials": 4},
        ["search.space.learning_rate", "did you mean 'recipe.lr'"],
    ),
    "unknown recipe option": (
        "base/recipe",
        {"epoch": 3},
        ["base.recipe", "did you mean 'epochs'"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(mistake, small, load):
    keys, value, fragments = MISTAKES[mistake]
    _set(small, keys, value)
    with pytest.raises(StudyError) as caught:
        load(small)
    message = str(caught.value)
    assert "study.yaml" in message
    for fragment in fragments:
        assert fragment.rstrip("$") in message, message
        assert not fragment.endswith("$") or message.endswith(fragment[:-1]), message


def test_the_line_of_a_misspelt_key_is_given(small, tmp_path, load):
    small["plan"]["margni"] = 2.0
    with pytest.raises(StudyError) as caught:
        load(small)
    lines = (tmp_path / "study.yaml").read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "margni" in line)
    assert f"study.yaml:{number}: plan.margni" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("study: [", "not valid YAML"),
        ("just text", "is a mapping"),
        ("", "is a mapping"),
        ("study: a\nstudy: b\n", "study: is given twice"),
    ],
)
def test_a_file_that_is_no_study(text, fragment, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=fragment):
        load_study(path)


@pytest.mark.about("reports/README.md")
@pytest.mark.parametrize("name", ["README.md", "prepare", "sample"])
def test_a_name_whose_folders_are_taken_is_refused(name, small, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**small, "study": name}))
    with pytest.raises(StudyError, match=f"study: '{name}'.* another name"):
        load_own(path)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long.yaml").write_bytes(b"#" * 1_000_001)
    for path, fault in (
        (tmp_path / "pipe", "is no regular file"),
        (Path("/dev/zero"), "is no regular file"),
        (tmp_path, "is a folder"),
        (tmp_path / "long.yaml", "has 1,000,001 bytes; a study file has at most 1,000,000"),
        (Path("a\0b"), "cannot be read"),
        (Path("x" * 300), "File name too long"),
    ):
        with pytest.raises(StudyError, match=fault):
            read_mapping(path)


def test_of_many_faults_the_first_are_told(small, load):
    with pytest.raises(StudyError) as caught:
        load({**small, **{f"key{n}": 1 for n in range(500)}})
    told = str(caught.value).splitlines()
    assert len(told) == 11
    assert told[-1].endswith("and 490 more faults")


def test_exponents_without_a_point_are_numbers_in_a_search(small, tmp_path):
    text = yaml.safe_dump({**small, "experiments": {"rates": {"factors": {"norm": ["batch"]}}}})
    text = text.replace("rates:", "rates:\n    search: {trials: 4, space: {recipe.lr: SPACE}}")
    text = text.replace("SPACE", "{log: [1e-4, 1e-1]}").replace(
        "primary:\n  - norms", "primary: []"
    )
    path = tmp_path / "study.yaml"
    path.write_text(text)
    (group,) = load_study(path).searches()
    assert group.space["recipe.lr"] == {"kind": "float", "low": 1e-4, "high": 0.1, "log": True}


FAULTS = Path(__file__).parents[1] / "faults"


def test_two_folders_of_pictures_are_two_data_sets():
    study = load_study(FAULTS / "two_folders_one_name.yaml")
    assert len(list(study.runs())) == 32
    assert len({cell.task for cell in study.cells()}) == 2


def test_a_seed_that_no_table_holds_is_refused_before_training():
    with pytest.raises(StudyError, match=r"seeds\.0 = 18446744073709551616: .*9223372036854775808"):
        load_study(FAULTS / "seed_beyond_int64.yaml")


def test_two_settings_under_one_name_are_refused(small, load, monkeypatch):
    """Names tell settings apart; were they ever not to, nothing is trained in silence."""
    monkeypatch.setattr("afn.study.grid.combining.part_name", lambda name, *_: name)
    with pytest.raises(StudyError, match="two different settings of its norm get one name, 'afn'"):
        load(small)


def test_a_missing_file_names_the_near_one(tmp_path):
    (tmp_path / "table5.yaml").write_text("study: a")
    with pytest.raises(StudyError, match=r"did you mean 'table5.yaml'"):
        load_study(tmp_path / "tabel5.yaml")


def test_the_command_line_prints_one_message_and_no_traceback(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "seeds": 3}))
    for command in (
        ["-m", "afn.study", "plan", str(path)],
        ["workflow/run.py", "--study", str(path)],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "at least 8 seeds" in done.stderr
        assert "Traceback" not in done.stderr


def test_settings_of_how_it_runs_are_checked_too(small, load):
    with pytest.raises(StudyError, match="seeds_per_job: 0 is not"):
        load({**small, "seeds_per_job": 0})
    assert load({**small, "seeds_per_job": 2}).name == "small"


def test_a_contrast_given_twice_does_not_count_twice(small, load):
    small["experiments"]["norms"]["contrasts"].append(["batch", "afn"])
    with pytest.raises(StudyError, match=r"\[batch, afn\] is given twice"):
        load(small)


def test_a_grid_that_nobody_means_is_refused_at_once(small, load):
    levels = list(range(1, 400))
    factors = {"norm.stan_ratio": levels, "norm.rescale_ratio": levels}
    small["experiments"]["ratios"] = {"factors": factors}
    with pytest.raises(StudyError, match="159,201 combinations"):
        load(small)


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("study: a\nstudy: b\n", ":2: study: is given twice"),
        ("question: what?\n", "study: is missing"),
        ("study: a\nquestin: b\n", ":2: questin: unknown key; did you mean 'question'"),
    ],
)
def test_snakemake_itself_gives_the_one_message(text, fragment, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(path), "--nolock"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"error: {path}" in done.stderr
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr
