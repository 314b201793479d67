"""Keep the page of a finished study as ``reports/sample``: ``make sample``.

In: the study file, and its page ``reports/<study>/index.html``. Out: ``reports/sample/index.html``,
the same page without links to the files beside it (figures, tables, data), which are not kept, and
with a line that says so. The picture of its first screen, ``report.png``, is made with a browser by
hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINE = (
    '<p class="banner">This is a kept sample: the files that a report links beside its page '
    "(figures, tables, data) are made by <code>make report</code> and are left out here.</p>\n"
)


def kept(page: str) -> str:
    """The page without links to files beside it; links within the page and to the web stay.

    >>> kept('<a href="tables/x.csv">CSV</a> <a href="#cells">cells</a>')
    'CSV <a href="#cells">cells</a>'
    """
    page = re.sub(r'<span class="files[^"]*">.*?</span>', "", page, flags=re.DOTALL)
    page = re.sub(r'<p class="files loose">.*?</p>', "", page, flags=re.DOTALL)
    beside = r'<a href="(?:data|figures|tables|cells)/[^"]*"[^>]*>(.*?)</a>'
    page = re.sub(beside, r"\1", page, flags=re.DOTALL)
    return page.replace("</h1>\n", f"</h1>\n{LINE}", 1)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="config.yaml", help="study file (default: config.yaml)")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports")
    args = parser.parse_args(argv)
    sys.path.insert(0, str(ROOT))
    from afn.common.errors import StudyError
    from afn.common.files import replacing
    from afn.study import load_study

    try:
        name = load_study(args.study).name
        source = args.reports / name / "index.html"
        if not source.is_file():
            raise StudyError(f"{source}: no such page; make report STUDY={args.study} writes it")
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    target = args.reports / "sample" / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as path:
        path.write_text(kept(source.read_text(encoding="utf-8")), encoding="utf-8")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
