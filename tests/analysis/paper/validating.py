"""``python -m tests.analysis.paper.validating FOLDER SEVERITY``: an RO-Crate by roc-validator.

In: the folder of a crate, and the least severity (required, recommended) that counts. Out: a line
for each issue, and their number. Nothing is asked of the network: the terms of RO-Crate 1.1 are
those that the library ``rocrate`` carries (of a later version), with the four of Bioschemas as 1.1
has them, and whatever else is asked for is not there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import requests
import rocrate
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "workflow-run-crate"
BIOSCHEMAS = "https://bioschemas.org"
OF_1_1 = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}/ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}/FormalParameter",
    "input": f"{BIOSCHEMAS}/ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}/ComputationalWorkflow#output",
}


def answer(_requester: HttpRequester, url: str, **_given: object) -> requests.Response:
    """What the network would answer."""
    found = requests.Response()
    found.status_code, found.url = 404, url
    if url == CONTEXT:
        carried = Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld"
        context = json.loads(carried.read_text(encoding="utf-8"))
        context["@context"] |= OF_1_1
        found.status_code = 200
        found.headers["Content-Type"] = "application/ld+json"
        found._content = json.dumps(context).encode()
    return found


def main(folder: str, severity: str) -> int:
    """Print what is amiss."""
    HttpRequester.get = HttpRequester.head = answer
    settings = ValidationSettings(
        rocrate_uri=folder,
        profile_identifier=PROFILE,
        requirement_severity=Severity[severity.upper()],
        skip_availability_check=True,
    )
    issues = services.validate(settings).get_issues()
    for issue in issues:
        print(f"{issue.severity.name} {issue.check.identifier} {issue.violatingEntity}")
        print(f"  {issue.message}")
    print(f"{len(issues)} issues")
    return bool(issues)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
