"""The kept sample of a report links nothing that is not kept with it."""

from __future__ import annotations

import re

from tests.scripts import ROOT, script

PAGE = """<html><h1>Why?</h1>
<figure>x<span class="files"><a href="figures/a.svg">SVG</a></span></figure>
<p>See <a href="data/results.csv">results.csv</a> and <a href="#cells">cells</a>.</p>
<p class="files loose"><a href="data/results.csv">results.csv</a></p></html>"""


def test_links_to_files_beside_the_page_go_and_all_else_stays():
    kept = script("workflow/sample.py").kept(PAGE)
    assert re.findall(r'href="([^"]*)"', kept) == ["#cells"]
    assert "See results.csv and" in kept
    assert kept.index("This is a kept sample") > kept.index("Why?")


def test_the_command_keeps_the_page_of_a_study(tmp_path, monkeypatch, capsys):
    sample = script("workflow/sample.py")
    monkeypatch.chdir(ROOT)
    assert sample.main(["--reports", str(tmp_path)]) == 2
    assert "make report" in capsys.readouterr().err
    (tmp_path / "digits8x8").mkdir()
    (tmp_path / "digits8x8" / "index.html").write_text(PAGE)
    assert sample.main(["--reports", str(tmp_path)]) == 0
    assert "Why?" in (tmp_path / "sample" / "index.html").read_text()


def test_every_link_of_the_committed_sample_leads_somewhere():
    folder = ROOT / "reports" / "sample"
    text = (folder / "index.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'\bid="([^"]*)"', text))
    for link in re.findall(r'<a [^>]*href="([^"]*)"', text):
        if link.startswith("#"):
            assert link[1:] in ids, link
        elif not link.startswith("http"):
            assert (folder / link).is_file(), link
