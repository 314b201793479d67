"""Every figure of a study is made, says what it shows, and does not depend on when it was made."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from afn.normalization import REGISTRY
from analysis.figures import forest
from analysis.figures.drawing import palette, scale, style
from analysis.figures.drawing.ends import spread
from analysis.figures.making import make_all
from analysis.report import provenance
from tests.analysis import synthetic
from tests.analysis.pages import MINIMAL, ROOT, load

DEFAULT = {
    "forest",
    "confound",
    "severity",
    "severity-difference",
    "conditions",
    "pairs-clean",
    "pairs-shift",
    "levels-residual_fusion",
    "trend-lambda_init",
    "factorial-bottleneck",
    "training",
    "scalars-afn",
    "cost",
    "samples",
}
# How the three kinds of colour blindness see linear RGB (Machado, Oliveira and Fernandes 2009).
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def test_default_study_has_every_figure(default):
    assert {made["name"] for made in default.index["made"]} == DEFAULT
    # The made-up results stop at the declared protocols; test_batch_size.py adds those of a sweep.
    reason = "no run of digits8x8 was tested in the sweep"
    assert default.index["missing"] == [{"name": "batch-size", "reason": reason}]


def test_each_figure_has_words_and_three_files(default):
    for made in default.index["made"]:
        assert made["title"]
        assert len(made["caption"]) > 60
        assert len(made["alt"]) > 20
        assert set(made["files"]) == {"pdf", "svg", "png", "csv"}
        for name in made["files"].values():
            assert (default.folder / "figures" / name).stat().st_size > 400
    written = json.loads((default.folder / "figures" / "index.json").read_text("utf-8"))
    assert written == default.index


def test_minimal_study_says_what_it_lacks(minimal):
    made = {m["name"] for m in minimal.index["made"]}
    assert {"forest", "conditions", "pairs-clean", "training", "cost"} <= made
    lacking = {m["name"]: m["reason"] for m in minimal.index["missing"]}
    assert {"confound", "trend", "factorial", "levels", "samples"} <= set(lacking)
    assert "one protocol" in lacking["confound"]


def test_forest_alt_tells_the_decisions(default):
    from analysis.display import formatting

    alt = next(m["alt"] for m in default.index["made"] if m["name"] == "forest")
    for d in default.inputs.decisions:
        if d.primary:
            assert f"{formatting.signed(d.estimate)} points {formatting.interval(d.ci)}" in alt


def test_figures_show_the_test_split_that_decisions_use(default):
    tested = default.inputs.tested
    assert set(default.inputs.results["split"].dropna()) > {"test"}
    assert set(tested["split"]) == {"test"}
    batch = (tested["norm"] == "batch") & ~tested["recipe"].str.startswith("tuned")
    clean = tested[(tested["condition"] == "clean") & batch]
    own = clean[(clean["backbone"] == "resnet8") & (clean["protocol"] == "running")]
    (recipe,) = set(own["recipe"])
    scores = default.inputs.arm_scores("digits8x8", "resnet8", "batch", "clean", recipe)
    assert own["accuracy"].mean() == pytest.approx(scores.mean())


def test_twenty_arms(tmp_path, monkeypatch):
    means = defaultdict(lambda: (0.0, 0.0), synthetic._METHOD)
    monkeypatch.setattr(synthetic, "_METHOD", means)
    norms = [f"afn+lambda_init=-{k}" for k in range(4, 20)]
    norms += ["afn", "batch", "asr", "layer"]
    study = json.loads(json.dumps(MINIMAL))
    study["experiments"]["only"]["factors"]["norm"] = norms
    study["experiments"]["only"]["contrasts"] = [[n, "batch"] for n in norms if n != "batch"]
    study["plan"] |= {"strict": False, "outcomes": ["shift"]}
    inputs = load(study)
    index = make_all(inputs, tmp_path)
    assert {"forest", "severity", "conditions", "cost"} <= {m["name"] for m in index["made"]}


def test_several_backbones_and_recipes(tmp_path):
    study = json.loads(json.dumps(MINIMAL))
    study["seeds"] = 8
    study["experiments"]["only"]["factors"] |= {
        "backbone": ["convnet_small", "resnet8"],
        "recipe": ["plain", "plain+epochs=3"],
    }
    index = make_all(load(study), tmp_path)
    assert "forest" in {m["name"] for m in index["made"]}
    caption = (tmp_path / "forest.svg").read_text("utf-8")
    assert "epochs 3" in caption


def test_same_bytes_whatever_the_hash_seed(minimal, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from analysis.figures.making import make_all;"
        "from tests.analysis.pages import MINIMAL, HOSTILE, load;"
        "make_all(load(MINIMAL | {'question': HOSTILE}), Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(tmp_path)],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
    )
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == sorted(p.name for p in (minimal.folder / "figures").iterdir())
    for name in files:
        assert (tmp_path / name).read_bytes() == (minimal.folder / "figures" / name).read_bytes()


def test_a_second_call_removes_figures_that_are_gone(tmp_path):
    inputs = load(MINIMAL)
    make_all(inputs, tmp_path)
    gone = list(tmp_path.glob("training.*"))
    assert gone
    (tmp_path / "index.json").unlink()  # as Snakemake does before it runs the rule
    kept = [tmp_path / "mine.png", tmp_path / "mine.csv"]
    for path in kept:
        path.write_bytes(b"x")
    inputs.history = inputs.history[:0]
    make_all(inputs, tmp_path)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


FROM_OUTSIDE = ["mine.norms:ScaledBatch2d", "evonorm", "other.package:FRN", "a:B", "c:D"]


@pytest.mark.parametrize("sight", VISION)
def test_colours_of_norms_stay_apart(sight):
    looks = palette.looks(FROM_OUTSIDE)
    seen = {n: _lab(np.array(VISION[sight]) @ _linear(c)) for n, (c, _) in looks.items()}
    assert len(seen) == len(REGISTRY) + len(FROM_OUTSIDE)
    pairs = itertools.combinations(seen, 2)
    distance = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a, b in pairs}
    assert min(distance.values()) > 0.065, min(distance, key=distance.get)
    assert distance["batch", "afn"] > 0.2


def _linear(color: str) -> np.ndarray:
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    """Oklab, in which equal distances look about equally far apart."""
    to_cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(linear, 0, 1))


def test_a_collapsed_arm_does_not_flatten_the_others(tmp_path, monkeypatch):
    monkeypatch.setitem(synthetic._METHOD, "afn+residual=off", (-80.0, -70.0))
    study = json.loads(json.dumps(MINIMAL))
    norms = ["batch", "afn", "asr", "layer", "afn+residual=off"]
    study["experiments"]["only"]["factors"]["norm"] = norms
    study["experiments"]["only"]["contrasts"] = [[n, "batch"] for n in norms[1:]]
    study["plan"] |= {"strict": False}
    inputs = load(study)
    make_all(inputs, tmp_path)
    assert "off the scale: AFN, residual off" in (tmp_path / "severity.svg").read_text("utf-8")
    ticks = [t for t in _texts(tmp_path / "forest.svg") if t.startswith("\u2212")]
    assert any(t.startswith("\u22128") for t in ticks)  # the estimate is still written
    assert "\u221280" not in ticks  # but the axis does not reach for it
    assert provenance.collapsed(inputs)[0].startswith("AFN, residual off on resnet8: 1")


@pytest.mark.parametrize(("seeds", "held"), [(2, True), (8, False)])
def test_intervals_of_two_seeds_do_not_stretch_the_axis(seeds, held):
    study = json.loads(json.dumps(MINIMAL))
    norms = ["batch", "afn", "asr", "layer"]
    study["experiments"]["only"]["factors"]["norm"] = norms
    study["experiments"]["only"]["contrasts"] = [[n, "batch"] for n in norms[1:]]
    study |= {"seeds": seeds, "plan": study["plan"] | {"strict": False}}
    inputs = load(study)
    style.use()
    (picture,) = forest.pictures(inputs)
    ax = picture.figure.axes[0]
    low, high = ax.get_xlim()
    pooled = [d for d in inputs.decisions if d.backbone == "pooled"]
    ends = [end for d in pooled for end in d.ci_simultaneous if np.isfinite(end)]
    assert ends
    seen = np.concatenate([forest.pair_differences(d) for d in pooled])
    assert all(low < d.estimate < high for d in pooled)
    assert high - low < 6 * max(np.ptp(seen), 2 * 1.4 * inputs.study.plan.margin)
    arrows = [line for line in ax.lines if line.get_marker() in ("<", ">")]
    assert len(arrows) == sum(not low <= end <= high for end in ends)
    assert bool(arrows) == held


def _texts(path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))


def test_far_off_leaves_out_only_what_is_far():
    near = {"a": (0.0, 1.0), "b": (0.5, 1.5), "c": (0.2, 0.9), "d": (1.0, 2.0)}
    assert scale.far_off(near, 1.0) == set()
    assert scale.far_off(near | {"e": (-9.0, -8.0)}, 1.0) == {"e"}
    assert scale.far_off({"a": (0.0, 1.0), "b": (90.0, 91.0)}, 1.0) == set()  # none is the odd one
    assert scale.far_off(near | {"e": (float("nan"),) * 2}, 1.0) == set()


def test_spread_keeps_order_and_gap():
    moved = spread([0.5, 0.5, 0.51, 0.9], 0.1, 0.0, 1.0)
    assert np.all(np.diff(moved) >= 0.1 - 1e-12)
    assert moved.min() >= 0
    assert moved.max() <= 1
    crowded = spread(np.linspace(0.4, 0.6, 30), 0.1, 0.0, 1.0)
    assert np.all(np.diff(crowded) > 0)
    assert crowded.max() <= 1 + 1e-12


def test_inline_svg_has_no_prologue_and_own_ids(default):
    from analysis.display.inline_svg import inline_svg

    raw = (default.folder / "figures" / "forest.svg").read_text("utf-8")
    svg = inline_svg(raw, 'a "quoted" <alt>', "f1")
    assert svg.startswith('<svg role="img" aria-label="a &#34;quoted&#34; &lt;alt&gt;"')
    assert "http" not in svg
    assert "<?xml" not in svg
    assert "<metadata" not in svg
    assert 'id="f1-' in svg or "url(#" not in svg


@pytest.mark.parametrize("name", ["GroupNorm", "BatchNorm", "mmmWWW", "AFN, residual off", "ill"])
def test_text_width_is_never_less_than_what_is_drawn(name):
    import matplotlib.pyplot as plt

    from analysis.figures.drawing import style

    style.use()
    # Fine enough that rounding a letter to whole pixels does not count.
    figure = plt.figure(dpi=720)
    drawn = figure.text(0, 0, name, size=8).get_window_extent(figure.canvas.get_renderer())
    plt.close(figure)
    assert drawn.width / figure.dpi <= style.text_width(name, 8) + 0.02


@pytest.mark.parametrize("span", [(1.1, 2.2), (0.4, 6.0), (1e-4, 3.0)])
def test_a_logarithmic_axis_has_numbers(span):
    import matplotlib.pyplot as plt

    from analysis.figures.drawing import style

    figure, ax = plt.subplots()
    ax.set_yscale("log")
    ax.set_ylim(*span)
    style.log_ticks(ax.yaxis, *span)
    figure.canvas.draw()
    inside = [t for t in ax.get_yticks() if span[0] <= t <= span[1]]
    texts = {t.get_text() for t in ax.get_yticklabels()}
    plt.close(figure)
    assert len(inside) >= 3
    assert {f"{t:g}" for t in inside} <= texts


def test_the_data_tell_their_title_and_notes(default, tmp_path):
    import dataclasses
    import shutil

    from analysis.figures.training import samples
    from analysis.report.provenance import caveats

    shutil.copytree(default.inputs.data, tmp_path / "prepared")
    path = next((tmp_path / "prepared").glob("*/manifest.json"))
    manifest = json.loads(path.read_text("utf-8"))
    said = {"title": "Digits (regenerated)", "notes": ["Made anew from the originals."]}
    path.write_text(json.dumps(manifest | said), "utf-8")
    inputs = dataclasses.replace(default.inputs, data=tmp_path / "prepared")
    picture = next(samples.pictures(inputs))
    assert picture.title.endswith("Digits (regenerated)")
    told = caveats(inputs, inputs.prepared)
    assert "Digits (regenerated): Made anew from the originals." in told
    assert any("claims are about Digits (regenerated) and" in text for text in told)


def test_figures_lie_by_section_once_more(minimal, tmp_path):
    from analysis.figures.making import sort_by_section

    index = minimal.index
    for _ in range(2):
        sort_by_section(index, minimal.folder / "figures", tmp_path / "by_section")
    found = {p.relative_to(tmp_path / "by_section") for p in tmp_path.rglob("*.svg")}
    assert found == {Path(m["section"], m["files"]["svg"]) for m in index["made"]}
    for path in tmp_path.rglob("*.svg"):
        assert path.read_bytes() == (minimal.folder / "figures" / path.name).read_bytes()


def test_figures_of_an_earlier_study_file_are_removed(tmp_path):
    """Without their list, which Snakemake takes away before the rule runs; other files stay."""
    from analysis.figures import making
    from tests.analysis.pages import MINIMAL, load

    old = [f"old{kind}" for kind in making.KINDS]
    kept = ["notes.txt", "mine.svg", "mine.csv"]
    for name in (*old, *kept):
        (tmp_path / name).touch()
    index = making.make_all(load(MINIMAL), tmp_path)
    files = {name for made in index["made"] for name in made["files"].values()}
    assert {path.name for path in tmp_path.iterdir()} == {*files, "index.json", *kept}
