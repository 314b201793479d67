"""CI, hooks, forms, citation and catalog files say what is there."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from afn import __version__

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.about(".github/workflows/ci.yml")
def test_ci_runs_what_is_there():
    ci = read(".github/workflows/ci.yml")
    # A reader of YAML 1.1 takes the key `on` for true.
    assert {"push", "pull_request"} <= set(ci.get("on", ci.get(True)))
    assert ci["permissions"] == {"contents": "read"}
    lines = []
    for name, job in ci["jobs"].items():
        assert {"runs-on", "timeout-minutes"} <= set(job), name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            lines += [step["run"]] if "run" in step else []
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
    made = {word for line in lines for word in re.findall(r"\bmake ([a-z-]+)", line)}
    assert made
    assert made <= targets()
    assert any(".ci/run" in line for line in lines)
    versions = ci["jobs"]["check"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert versions == told
    assert project["requires-python"] == f">={versions[0]}"


@pytest.mark.about(".pre-commit-config.yaml")
def test_hooks_are_those_of_lint():
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    makefile = (ROOT / "Makefile").read_text()
    lint = makefile.partition("\nSTYLE = ")[2].partition("\n# What a user gives")[0]
    assert "$(STYLE)" in makefile.partition("\nlint:")[2].partition("\n\n")[0]
    for hook in hooks:
        assert {"id", "name", "entry", "language"} <= set(hook)
    entries = " ".join(hook["entry"] for hook in hooks)
    for tool in ("ruff check", "ruff format --check", "snakefmt --check"):
        assert tool in entries
        assert tool in lint
    files = re.search(r"snakefmt --check ([^&]*) &&", lint)[1].split()
    assert all(file in entries for file in files)


@pytest.mark.about(".github/ISSUE_TEMPLATE")
def test_forms_are_forms():
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    names = [form.stem for form in forms if form.stem != "config"]
    assert {"bug", "addition", "wrong_claim"} == set(names)
    for form in forms:
        if form.stem == "config":
            continue
        content = yaml.safe_load(form.read_text())
        assert {"name", "description", "body"} <= set(content)
        ids = [field["id"] for field in content["body"]]
        assert len(set(ids)) == len(ids)
        kinds = {field["type"] for field in content["body"]}
        assert kinds <= {"textarea", "input", "checkboxes", "dropdown", "markdown"}
        assert all("label" in field["attributes"] for field in content["body"])
    text = (ROOT / ".github/pull_request_template.md").read_text()
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets()


@pytest.mark.about("CITATION.cff", "codemeta.json")
def test_citations_agree_with_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = read("CITATION.cff")
    meta = json.loads((ROOT / "codemeta.json").read_text())
    assert citation["version"] == meta["version"] == __version__
    assert citation["license"] == project["license"] == meta["license"].rpartition("/")[2]
    assert citation["keywords"] == project["keywords"] == meta["keywords"]
    assert sorted(meta["softwareRequirements"]) == sorted(project["dependencies"])
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in project["authors"]]
    assert meta["identifier"] == project["name"]
    assert {"cff-version", "message", "title", "abstract", "type"} <= set(citation)
    paper = citation["references"][0]
    assert paper["url"] == project["urls"]["Paper"] == meta["referencePublication"]["url"]


@pytest.mark.about("config/README.md")
def test_the_catalog_finds_what_it_reads():
    from afn.study.grid.reading import check_mapping
    from afn.study.grid.schema import RUNTIME, StudyFile

    usage = read(".snakemake-workflow-catalog.yml")["usage"]
    assert set(usage) <= {"mandatory-flags", "software-stack-deployment", "report"}
    assert 'include: "../Snakefile"' in (ROOT / "workflow/Snakefile").read_text()
    text = (ROOT / "config/README.md").read_text()
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    check_mapping(yaml.safe_load(block), "config/README.md")
    told = {
        key
        for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert told == {*StudyFile.model_fields, *RUNTIME}
    links = re.findall(r"\]\(([\w./]+)\)", text)
    assert links
    assert all((ROOT / "config" / link).exists() for link in links)


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / "docs" / page).read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / "docs" / link).exists(), f"to edit: docs/{page}: {link}"


@pytest.mark.about("README.md")
def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / link).exists(), link


@pytest.mark.about("CHANGELOG.md")
def test_the_changelog_says_what_a_version_promises():
    text = (ROOT / "CHANGELOG.md").read_text()
    promised = text.partition("**What a version promises.**")[2].partition("\n## ")[0]
    for name in ("afn-study", "afn_study.<kind>", "decisions.json", "afn.checks", "study files"):
        assert name in promised
