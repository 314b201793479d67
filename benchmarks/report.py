"""How large a page is, and how long a browser works on it: ``python -m benchmarks.report``.

In: made-up results of the default study, and of a study of 200 arms and 10,000 runs. Out: for each
the seconds of CPU that figures, tables and page take, the figures again with nothing changed, the
size of the page, and the seconds of CPU of a headless Chromium until its toolbox answers. Called by
hand; the limits are those that the page is built for.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.analysis.pages import build, default_document, load
from tests.devtools import Browser
from tests.needs import browser

LIMITS = {"default": (2.0, 5.0), "large": (10.0, 5.0)}
"""Megabytes of the page, seconds of CPU until the toolbox has answered."""

REPEATS = 5
"""Browsers that open each page."""


def large() -> dict:
    """200 arms (four backbones would be no more work for a page), 50 seeds each."""
    arms = [round(-0.05 * k, 2) for k in range(1, 200)]
    return {
        "study": "large",
        "question": "How does the page of a study of 10,000 runs behave?",
        "seeds": 50,
        "base": {"task": "digits8x8", "backbone": "resnet8"},
        "experiments": {
            "normalizations": {
                "factors": {"norm": ["batch", "afn"]},
                "contrasts": [["afn", "batch"]],
            },
            "levels": {"factors": {"norm": ["afn"], "norm.lambda_init": arms}},
        },
        "plan": {"outcomes": ["clean", "shift"], "primary": ["normalizations"], "strict": False},
    }


def measure(name: str, document: dict, folder: Path) -> bool:
    """Build one page and open it; prints what it took, returns whether it keeps its limits."""
    from analysis.figures.making import make_all

    inputs = load(document)
    start = time.process_time()
    built = build(inputs, folder, document)
    drawn = time.process_time()
    make_all(inputs, folder / "figures")
    again = time.process_time()
    size = len(built.html.encode()) / 1e6
    runs = len(inputs.results.drop_duplicates(["task", "backbone", "norm", "recipe", "seed"]))
    print(
        f"{name}: {len({c.norm for c in inputs.study.cells()})} arms, {runs:,} runs; built in "
        f"{drawn - start:.1f} s of CPU, figures again {again - drawn:.1f} s; page {size:.2f} MB"
    )
    if browser() is None:
        print("  no Chromium is installed: the toolbox was not opened")
        return size <= LIMITS[name][0]
    (folder / "empty.html").write_text("<!doctype html><title>Empty</title>", encoding="utf-8")
    empty, shown, answered = (
        statistics.median(own)
        for own in zip(*(_opened(folder) for _ in range(REPEATS)), strict=True)
    )
    print(
        f"  Chromium, seconds of CPU, median of {REPEATS}: {answered:.1f} until the toolbox has "
        f"answered, of them {shown:.1f} to show the page; an empty page takes {empty:.1f}"
    )
    return size <= LIMITS[name][0] and answered <= LIMITS[name][1]


def _opened(folder: Path) -> tuple[float, float, float]:
    """Seconds of CPU of a new browser: for an empty page; then to show, then to hide an arm."""
    with Browser(wait=300) as chromium:
        chromium.size(1280)
        chromium.open(folder / "empty.html")
        empty = chromium.cpu()
        chromium.open(folder / "index.html")
        shown = chromium.cpu()
        chromium.js("document.querySelector('[data-do=off]').click()")
        assert chromium.js("document.querySelectorAll('.gone').length") > 0
        answered = chromium.cpu()
    return empty, shown - empty, answered - empty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(LIMITS))
    only = parser.parse_args().only
    documents = {"default": default_document, "large": large}
    with tempfile.TemporaryDirectory() as folder:
        kept = [
            measure(name, make(), Path(folder) / name)
            for name, make in documents.items()
            if only in (None, name)
        ]
    raise SystemExit(0 if all(kept) else "a page is larger or slower than its limit")


if __name__ == "__main__":
    main()
