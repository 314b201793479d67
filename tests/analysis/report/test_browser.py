"""The page in a real browser: no error, nothing that scrolls sideways on a phone."""

from __future__ import annotations

import html as entities
import re
import subprocess

import pytest

from tests.needs import browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--disable-component-update",
    "--enable-logging=stderr",
    "--v=0",
]
# A phone's width is smaller than any window of the browser, so the page is put into a frame.
FRAME = """<!DOCTYPE html><title>frame</title>
<iframe id="phone" width="420" height="900" style="border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("phone").addEventListener("load", function () {{
  var inner = this.contentDocument, root = inner.documentElement;
  inner.querySelectorAll("details").forEach(function (d) {{ d.open = true; }});
  document.body.setAttribute("data-wide", root.scrollWidth + " of " + root.clientWidth);
  document.body.setAttribute("data-text", inner.querySelectorAll("section").length);
}});
</script>"""


def dump(path, profile) -> subprocess.CompletedProcess:
    command = [browser(), *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=3000"]
    return subprocess.run(
        [*command, "--dump-dom", f"file://{path}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.mark.browser
def test_page_in_a_browser(default, tmp_path):
    shown = dump(default.folder / "index.html", tmp_path / "a")
    assert "CONSOLE" not in shown.stderr, shown.stderr
    assert "Figure 1." in shown.stdout
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(page=entities.escape(default.html)), encoding="utf-8")
    phone = dump(frame, tmp_path / "b")
    wide, seen = re.search(r'data-wide="(\d+) of (\d+)"', phone.stdout).groups()
    assert int(wide) <= int(seen) == 420
    assert int(re.search(r'data-text="(\d+)"', phone.stdout)[1]) >= 12
