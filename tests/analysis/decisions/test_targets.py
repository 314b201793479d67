"""Decisions about images like these: numbers, fallbacks, both intervals, equivalence on average."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from afn.common.errors import StudyError
from afn.study.loading import study_from_mapping
from afn.study.plan.purchase import half_width
from analysis.decisions.decide import decide
from analysis.decisions.decision import Decision, read_decisions, write_decisions
from analysis.decisions.words.verdicts import verdict_of
from analysis.stats.resampled import resampled
from analysis.stats.verdict import Verdict
from tests.analysis.answered import IMAGES, TESTS, answered
from tests.analysis.decisions.test_decide import find
from tests.analysis.small_study import small_study
from tests.tasks.test_division import STUDY as RESPLIT

ALIKE, THESE = "images_like_these", "these_images"


def reference(d: np.ndarray, level: float) -> tuple[float, float, float]:
    """Low, high and p of a (seeds, images) table, straight from the formula on the whole table."""
    seeds, n = d.shape
    row, column = d.mean(axis=1), d.mean(axis=0)
    rest = d - row[:, None] - column + d.mean()
    ms = (
        n * row.var(ddof=1),
        seeds * column.var(ddof=1),
        (rest**2).sum() / ((seeds - 1) * (n - 1)),
    )
    both = max(ms[0] + ms[1] - ms[2], ms[0], ms[1])
    spread = ms[0] ** 2 / (seeds - 1) + ms[1] ** 2 / (n - 1)
    spread += ms[2] ** 2 / ((seeds - 1) * (n - 1))
    df = min(max(both**2 / spread, seeds - 1), n - 1)
    error = math.sqrt(both / (seeds * n))
    half = stats.t.ppf((1 + level) / 2, df) * error
    return d.mean() - half, d.mean() + half, 2 * stats.t.sf(abs(d.mean()) / error, df)


def table(bits: dict, backbones: list[str], a: str, b: str, outcome: str, seeds: int) -> np.ndarray:
    """Arm a minus arm b in points, the mean over backbones and conditions: (seeds, images)."""
    wanted = [t for t in TESTS if (t[0] == "clean") == (outcome == "clean")]
    arms = []
    for arm in (a, b):
        norm, _, protocol = arm.partition("@")
        protocol = protocol or ("any" if norm == "asr" else "running")
        of = lambda s, norm=norm, protocol=protocol: np.mean(  # noqa: E731
            [bits[x, norm, protocol, s, *t] for x in backbones for t in wanted], axis=0
        )
        arms.append(np.stack([of(seed) for seed in range(seeds)]))
    return 100 * (arms[0] - arms[1])


@pytest.fixture(scope="module")
def study():
    return small_study(8, target=ALIKE)


@pytest.fixture(scope="module")
def drawn(study, tmp_path_factory):
    return answered(study, tmp_path_factory.mktemp("answers") / "correct.npz")


@pytest.fixture(scope="module")
def decisions(study, drawn):
    return decide(drawn[0], study, drawn[1])


@pytest.mark.parametrize("outcome", ["clean", "shift"])
@pytest.mark.parametrize(("a", "b"), [("afn", "asr"), ("batch@test_batch", "batch")])
@pytest.mark.parametrize("where", [["convnet_small", "resnet8"], ["resnet8"]])
def test_the_numbers_are_those_of_the_whole_table(decisions, drawn, study, outcome, a, b, where):
    d = find(decisions, a, b, outcome, "pooled" if len(where) == 2 else where[0])
    crossed = table(drawn[2], where, a, b, outcome, 8)
    low, high, p = reference(crossed, 0.95)
    assert (d.target, d.images) == (ALIKE, IMAGES)
    assert d.estimate == pytest.approx(crossed.mean(), rel=1e-9, abs=1e-9)
    assert d.ci == d.ci_images == pytest.approx((low, high), rel=1e-9)
    assert d.p == pytest.approx(p, rel=1e-9)
    assert d.ci_equivalence == pytest.approx(reference(crossed, 0.90)[:2], rel=1e-9)
    simultaneous = reference(crossed, 1 - 0.05 / d.family_size)[:2]
    assert d.ci_simultaneous == pytest.approx(simultaneous, rel=1e-9)
    expected = stats.ttest_1samp(crossed.mean(axis=1), 0).confidence_interval(0.95)
    assert d.ci_seeds == pytest.approx(tuple(expected), rel=1e-9)
    assert d.mde > 0


def test_batch_statistics_are_said_to_be_given(decisions, drawn):
    said = "Images of a test batch are normalised together: the interval is given these batches."
    assert said in find(decisions, "batch@test_batch", "batch", "clean").notes
    assert said not in find(decisions, "afn", "batch", "clean").notes
    these = decide(drawn[0], small_study(8, target=THESE), drawn[1])
    assert said not in find(these, "batch@test_batch", "batch", "clean").notes


def test_only_the_declared_target_decides(study, drawn, decisions):
    """The same data under the other target: the intervals change places, the estimates stay."""
    these = decide(drawn[0], small_study(8, target=THESE), drawn[1])
    for a, b in zip(decisions, these, strict=True):
        assert (a.estimate, a.ci_seeds, a.ci_images) == (b.estimate, b.ci_seeds, b.ci_images)
        assert (a.ci, b.ci) == (a.ci_images, b.ci_seeds)
        assert (b.target, b.test) == (THESE, "paired t")
        assert a.sensitivity == b.sensitivity
    without = decide(drawn[0], small_study(8, target=THESE))
    assert [d.p for d in without] == [d.p for d in these]
    assert {d.ci_images for d in without} == {None}


def test_where_the_other_interval_decides_otherwise_it_is_said(study, drawn, decisions):
    these = decide(drawn[0], small_study(8, target=THESE), drawn[1])
    differ = 0
    for a, b in zip(decisions, these, strict=True):
        said = [note for note in a.notes if "the verdict would be" in note]
        back = [note for note in b.notes if "the verdict would be" in note]
        if a.verdict == b.verdict:
            assert not said
            assert not back
        else:
            differ += 1
            assert said == [
                "Judged over seeds alone, about these test images, the verdict would be: "
                f"{verdict_of(b)}."
            ]
            assert back == [
                "Judged over seeds and images, for images like these, the verdict would be: "
                f"{verdict_of(a)}."
            ]
    assert differ > 3


def test_a_diverged_run_or_missing_predictions_leave_these_images(study, tmp_path):
    lost, gone = ("resnet8", "asr", 2), ("convnet_small", "layer", 3)
    results, correct, _ = answered(study, tmp_path / "c.npz", diverged=[lost], unstored=[gone])
    found = decide(results, study, correct)
    d = find(found, "afn", "asr", "clean")
    assert (d.target, d.ci_images, d.test) == (THESE, None, "exact sign-flip")
    assert d.notes[0] == (
        "About these test images only, not about images like them: a run diverged."
    )
    assert find(found, "afn", "asr", "clean", "convnet_small").target == ALIKE
    results, correct, _ = answered(study, tmp_path / "c.npz", unstored=[("resnet8", "batch", 3)])
    found = decide(results, study, correct)
    d = find(found, "afn", "batch", "shift")
    assert (d.target, d.ci, d.test) == (THESE, d.ci_seeds, "paired t")
    assert d.notes[0].endswith("the predictions of one run are not stored.")
    assert find(found, "afn", "batch", "shift", "convnet_small").target == ALIKE
    without = find(decide(results, study), "afn", "batch", "shift")
    assert without.notes[0].endswith("no predictions are stored.")


def test_domains_add_their_image_parts(tmp_path):
    """Two domains with images of their own: wider than their conditions on the same images."""
    study = small_study(8, target=ALIKE, outcomes=["shift"])
    tests = (("clean", 0), ("usps", 0), ("syn", 0))
    results, correct, bits = answered(
        study, tmp_path / "c.npz", tests=tests, sets={"usps": 30, "syn": 80}
    )
    d = find(decide(results, study, correct), "afn", "asr", "shift", "resnet8")
    parts = []
    for name in ("usps", "syn"):
        a, b = (
            np.stack([bits["resnet8", norm, at, s, name, 0] for s in range(8)]).astype(float)
            for norm, at in (("afn", "running"), ("asr", "any"))
        )
        parts.append(100 * (a - b))
    outcome = (parts[0].mean(axis=1) + parts[1].mean(axis=1)) / 2
    seeds, images, rest, spread = outcome.var(ddof=1) / 8, 0.0, 0.0, 0.0
    for own in parts:
        n = own.shape[1]
        image = own.mean(axis=0).var(ddof=1) / n / 4
        left = own - own.mean(axis=0) - own.mean(axis=1, keepdims=True) + own.mean()
        residual = (left**2).sum() / (7 * (n - 1)) / (8 * n) / 4
        images, rest = images + image, rest + residual
        spread += image**2 / (n - 1) + residual**2 / (7 * (n - 1))
    variance = max(seeds + images - rest, seeds, images)
    df = min(max(variance**2 / (spread + seeds**2 / 7), 7), 29 + 79)
    half = stats.t.ppf(0.975, df) * math.sqrt(variance)
    assert d.ci == pytest.approx((outcome.mean() - half, outcome.mean() + half), rel=1e-9)
    assert d.images == 110


def test_backbones_as_the_unit_are_the_rows(tmp_path):
    study = small_study(6, target=ALIKE, estimand="population_of_backbones", strict=False)
    results, correct, bits = answered(study, tmp_path / "c.npz")
    d = find(decide(results, study, correct), "afn", "batch", "shift")
    rows = [table(bits, [x], "afn", "batch", "shift", 6).mean(axis=0) for x in d.blocks]
    low, high, p = reference(np.stack(rows), 0.95)
    assert (d.ci, d.p) == (pytest.approx((low, high), rel=1e-9), pytest.approx(p, rel=1e-9))
    assert d.paired_by == "backbone"
    assert not d.intervals_by_backbone


def test_answers_of_another_results_table_are_refused(study, drawn):
    results = drawn[0].copy()
    here = (results.norm == "afn") & (results.condition == "clean") & (results.seed == 1)
    results.loc[here, "accuracy"] -= 1 / IMAGES
    with pytest.raises(StudyError, match="collect again"):
        decide(results, study, drawn[1])


def test_arms_that_answer_alike_are_about_these_images(tmp_path):
    """The same network twice: nothing varies, so nothing can be said beyond these images."""
    study = small_study(6, target=ALIKE, strict=False)
    results, correct, _ = answered(
        study,
        tmp_path / "c.npz",
        effects=dict.fromkeys([("resnet8", "afn"), ("resnet8", "afn+residual=off")], 50.0),
    )
    d = find(decide(results, study, correct), "afn+residual=off", "afn", "clean")
    assert (d.estimate, d.target, d.ci_images) == (0, THESE, None)
    assert "every image was answered alike at every seed" in d.notes[0]


def test_the_json_form_keeps_everything(decisions, tmp_path):
    write_decisions(tmp_path / "decisions.json", decisions, {})
    again = read_decisions(tmp_path / "decisions.json")
    for d, e in zip(decisions, again, strict=True):
        assert (d.target, d.images, d.ci_seeds) == (e.target, e.images, tuple(e.ci_seeds))
        assert d.ci_images == (None if e.ci_images is None else tuple(e.ci_images))
        kept = {k: tuple(v) for k, v in e.intervals_by_backbone.items()}
        assert d.intervals_by_backbone == kept


def equal_on_average(tmp_path, gap: float, target: str = THESE) -> tuple[list[Decision], Decision]:
    """AFN better on one backbone and worse by as much on the other."""
    study = small_study(10, target=target, margin=9.0)
    effects = {("convnet_small", "afn"): gap, ("resnet8", "afn"): -gap}
    drawn = answered(study, tmp_path / "c.npz", effects=effects, spread=0.0)
    found = decide(drawn[0], study, drawn[1])
    return found, find(found, "afn", "batch", "shift")


@pytest.mark.parametrize("target", [THESE, ALIKE])
def test_equal_on_average_is_not_equivalent(tmp_path, target):
    found, d = equal_on_average(tmp_path, 0.8, target)
    assert d.verdict is Verdict.EQUIVALENT_ON_AVERAGE
    assert -9 < d.ci_equivalence[0] < d.ci_equivalence[1] < 9
    for backbone in d.blocks:
        alone = find(found, "afn", "batch", "shift", backbone)
        assert alone.ci_equivalence == d.intervals_by_backbone[backbone]
        assert not (alone.ci_equivalence[0] > -6 and alone.ci_equivalence[1] < 6)
    assert "equivalent on average" in d.sentence()
    assert "equivalent_on" not in d.sentence()
    assert d.row()["verdict"] == "equivalent on average"
    for backbone in ("convnet_small", "resnet8"):
        assert f"{backbone} " in d.sentence().partition("equivalent on average")[2]


@pytest.mark.seconds
def test_equal_everywhere_is_equivalent(tmp_path):
    _, d = equal_on_average(tmp_path, 0.0)
    assert d.verdict is Verdict.EQUIVALENT


@pytest.mark.seconds
def test_a_pooled_difference_of_two_signs_says_so(tmp_path):
    study = small_study(10, margin=9.0)
    effects = {("convnet_small", "afn"): 3.0, ("resnet8", "afn"): -0.6}
    drawn = answered(study, tmp_path / "c.npz", effects=effects, spread=0.0)
    d = find(decide(drawn[0], study, drawn[1]), "afn", "batch", "shift")
    own = d.heterogeneity["estimates"]
    assert d.verdict is Verdict.SUPERIOR
    assert own["resnet8"] < 0 < own["convnet_small"]
    said = f"of the other sign on resnet8 (\N{MINUS SIGN}{-own['resnet8']:.2f})"
    assert said in d.sentence()
    one = find(decide(drawn[0], study, drawn[1]), "afn", "batch", "shift", "resnet8")
    assert "other sign" not in one.sentence()


def test_a_split_per_seed_is_decided_by_the_corrected_resampled_t():
    study = study_from_mapping(RESPLIT, "study")
    rng = np.random.default_rng(0)
    score = {(n, s): rng.normal(0.8, 0.02) for n in ("batch", "afn") for s in range(6)}
    head = {"study": "resplit", "task": "digits8x8+split=per_seed", "backbone": "convnet_small"}
    head |= {"recipe": "plain+epochs=2", "status": "finished", "split": "test"}
    head |= {"condition": "clean", "severity": 0, "protocol": "running"}
    rows = [head | {"norm": n, "seed": s, "accuracy": x} for (n, s), x in score.items()]
    (found, _) = decide(pd.DataFrame(rows).astype({"severity": "Int64"}), study)
    d = 100 * np.array([score["afn", s] - score["batch", s] for s in range(6)])
    own = resampled(d, 1437, 360)
    assert (found.target, found.test) == ("data_like_these", "corrected resampled t")
    assert found.ci == pytest.approx(own.interval(0.95), abs=1e-9)
    assert found.ci_data == found.ci
    assert found.ci_images is None
    assert found.p == pytest.approx(own.p(), abs=1e-9)
    assert half_width(found.components, 6) == pytest.approx((found.ci[1] - found.ci[0]) / 2)
    assert "for data like these" in found.sentence()
