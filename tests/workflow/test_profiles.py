"""The profiles, called as the documentation says, are what Snakemake goes by."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.workflow.project import ROOT

FAILING = """
rule fail:
    output: "never"
    resources: number=lambda wildcards, attempt: attempt
    shell: "echo {resources.number} >> attempts; false"
"""


def documented(name: str) -> list[str]:
    """The options by which the documentation chooses a profile; the same everywhere."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    pages.append(ROOT / f"profiles/{name}/config.yaml")
    found = {
        (option, str(page.relative_to(ROOT)))
        for page in pages
        for option in re.findall(rf"--[a-z-]+ profiles/{name}\b", page.read_text())
    }
    options = {option for option, _ in found}
    assert len(options) == 1, f"{name} is chosen in no way or in several, to edit: {sorted(found)}"
    return options.pop().split()


@pytest.mark.parametrize("name", ["default", "gpu"])
def test_a_failing_job_is_tried_as_often_as_the_profile_says(name, tmp_path):
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / "Snakefile").write_text(FAILING)
    options = [] if name == "default" else documented(name)
    command = [sys.executable, "-m", "snakemake", *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    retries = yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())["retries"]
    attempts = (tmp_path / "attempts").read_text().split()
    assert attempts == [str(n) for n in range(1, retries + 2)], done.stderr


def test_the_profile_for_slurm_replaces_the_default_one():
    assert documented("slurm")[0] == "--workflow-profile"
