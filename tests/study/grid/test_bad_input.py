"""Each mistake in a study file gives one message that names the file, the key and the way out."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from afn.common.errors import StudyError
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
        ["nrom.stan_ratio", "did you mean 'norm'"],
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
        assert fragment in message, message


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
    from afn.study.loading import load_study

    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=fragment):
        load_study(path)


def test_a_missing_file_names_the_near_one(tmp_path):
    from afn.study.loading import load_study

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
