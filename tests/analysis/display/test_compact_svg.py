"""Figures of a page in fewer bytes: what is drawn, and how, stays the same."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis.display.compact_svg import compact
from analysis.display.inline_svg import inline_svg
from analysis.figures.drawing import style


@pytest.fixture(scope="module")
def drawn() -> str:
    """A figure with lines, markers, clipped areas, turned names and equal styles."""
    style.use()
    figure, axes = plt.subplots(1, 2)
    rng = np.random.default_rng(0)
    for ax in axes:
        for k in range(6):
            ax.plot(rng.normal(size=9), "o-", lw=0.3, label=f"arm {k}")
        ax.fill_between(range(9), rng.normal(size=9), 2.0, alpha=0.3)
        ax.set_xticks(range(9), [f"level {k}" for k in range(9)], rotation=45)
        ax.barh(range(3), [1, 2, 3], hatch="//")
    data = io.StringIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    plt.close(figure)
    return data.getvalue()


def _element(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def _numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def _styles(root: ElementTree.Element) -> dict[str, str]:
    rules = "".join(node.text or "" for node in root.iter("style"))
    return dict(re.findall(r"\.(\w+)\.\1\{([^}]*)\}", rules))


def _shapes(root: ElementTree.Element) -> list[tuple[str, frozenset[str], ElementTree.Element]]:
    """Every mark in the order of drawing, with all that its style says."""
    rules, found = _styles(root), []
    shared = root.get("style", "").replace(": ", ":")
    for node in root.iter():
        if node.tag not in ("path", "text", "use", "rect"):
            continue
        said = [rules.get(name, "") for name in node.get("class", "").split()]
        said += [node.get("style", "").replace(": ", ":").replace("; ", ";")]
        said += [shared] if node.tag == "text" else []
        # Which shape a name stands for is the next test's matter.
        parts = {re.sub(r"#f1-\w+", "#", p) for text in said for p in text.split(";") if p}
        found.append((node.tag, frozenset(parts), node))
    return found


def test_the_same_is_drawn_in_fewer_bytes(drawn, monkeypatch):
    small = inline_svg(drawn, "A figure.", "f1")
    monkeypatch.setattr("analysis.display.inline_svg.compact", lambda body, name: body)
    large = inline_svg(drawn, "A figure.", "f1")
    assert len(small) < 0.6 * len(large)
    before, after = _shapes(_element(large)), _shapes(_element(small))
    assert len(before) == len(after) > 100
    for (tag, said, was), (tag_now, said_now, now) in zip(before, after, strict=True):
        assert (tag, said) == (tag_now, said_now)
        assert (was.text or "").strip() == (now.text or "").strip()
        for key in ("d", "x", "y"):
            old, new = _numbers(was.get(key, "")), _numbers(now.get(key, ""))
            assert new == pytest.approx(old, abs=0.0051)
        turned = _numbers(was.get("transform", ""))
        if turned and turned[0]:
            assert _numbers(now.get("transform", "")) == pytest.approx(turned, abs=0.0051)


def test_every_reference_leads_to_the_same_shape(drawn, monkeypatch):
    def led(root: ElementTree.Element) -> list[str]:
        known = {n.get("id"): n for n in root.iter() if n.get("id")}
        names = [n.get("href", "") for n in root.iter("use")]
        names += [n.get("clip-path", "")[4:-1] for n in root.iter() if n.get("clip-path")]
        shapes = [known[name[1:]] for name in names]
        return [node.tag for node in shapes]

    small = _element(inline_svg(drawn, "A figure.", "f1"))
    monkeypatch.setattr("analysis.display.inline_svg.compact", lambda body, name: body)
    assert led(small) == led(_element(inline_svg(drawn, "A figure.", "f1")))
    ids = [n.get("id") for n in small.iter() if n.get("id")]
    assert len(ids) == len(set(ids)) > 5
    assert all(re.fullmatch(r"f1-\d+", name or "") for name in ids)


def test_the_same_bytes_again(drawn):
    assert inline_svg(drawn, "A", "f1") == inline_svg(drawn, "A", "f1")


def test_properties_of_the_narrow_form_stay_with_their_element():
    moved = '<g class="moves" style="--x:1px;--y:2px"><path style="fill: red" d="M 0 0"/></g>'
    found = compact(f"<svg><g>{moved}{moved}</g></svg>", "f1")
    assert found.count('<g class="moves" style="--x:1px;--y:2px">') == 2
    assert found.count('<path class="f1a" d="M0 0"/>') == 2
    assert ".f1a.f1a{fill:red}" in found
