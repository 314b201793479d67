"""No text of a figure lies over another, also with the long names of a user's own study."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

from analysis.figures import confound, forest, pairs, severity
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.ends import label_ends
from analysis.figures.training import cost, curves
from tests.analysis.figures.test_averages import RATES
from tests.analysis.pages import load

SLACK = 1.5  # pixels: a box is a little larger than its letters


def boxes(figure) -> list[tuple[str, object]]:
    """Every level line of text that is drawn, with its box in pixels."""
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    found, beyond = [], set()
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [t for t in axis.get_major_ticks() if not low <= t.get_loc() <= high]
        beyond |= {label for tick in ticks for label in (tick.label1, tick.label2)}
    for text in figure.findobj(Text):
        shown = text.get_text().strip()
        hidden = text.axes is not None and not text.axes.get_visible()
        if (
            shown
            and text not in beyond
            and text.get_visible()
            and not text.get_rotation()
            and not hidden
        ):
            box = text.get_window_extent(renderer)
            if box.width > 0 and box.height > 0:
                found.append((shown, box.padded(-SLACK)))
    return found


def overlaps(figure) -> list[tuple[str, str]]:
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes(figure), 2)
        if a.overlaps(b)
    ]


@pytest.fixture(scope="module")
def own():
    document = RATES | {"experiments": dict(RATES["experiments"])}
    factors = {
        "backbone": ["convnet_small", "resnet8"],
        "norm": ["batch", "switchable", "batch_instance", "afn", "afn_released"],
        "recipe.lr": [0.001, 0.003],
    }
    document["experiments"]["only"] = RATES["experiments"]["only"] | {"factors": factors}
    style.use()
    return load(document)


@pytest.mark.parametrize("module", [severity, cost, curves, forest, pairs, confound])
def test_no_text_lies_over_another(own, module):
    for picture in module.pictures(own):
        assert overlaps(picture.figure) == []
        plt.close(picture.figure)


def test_a_note_on_what_is_off_the_scale_stays_in_its_panel():
    style.use()
    figure, axes = style.panels(1, 2, height=2.0, right=2.0, wgap=2.2)
    ends = [(f"AFN, residual fixed \u00b7 lr 0.00{k}", 0.9 + k / 100, style.INK) for k in range(8)]
    for ax in axes[0]:
        ax.plot([0, 1], [0, 1])
        scale.note(
            ax, [("AFN, residual off \u00b7 lr 0.003", (-81.0, -45.0))], unit=" points", top=True
        )
        label_ends(ax, ends)
    assert overlaps(figure) == []
    plt.close(figure)
