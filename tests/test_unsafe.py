"""No file is read, and no text is run, in a way that lets its author run code."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    (
        "afn/study/parts/catalogue.py",
        "eval",
    ): "annotations of options: no builtins, no attributes, and names of a fixed table alone",
    ("afn/study/parts/catalogue.py", "compile"): "the same",
    ("tests/normalization/test_docs.py", "exec"): "runs the examples of a page of ours",
    ("tests/normalization/test_docs.py", "compile"): "the same",
    ("tests/analysis/test_documentation.py", "exec"): "the same",
    (
        "tests/normalization/tools/test_surroundings.py",
        "torch.load",
    ): "a layer saved a line before",
    ("tests/normalization/heads/test_heads.py", "pickle.loads"): "the same",
    ("benchmarks/field/library_torch.py", "torch.load"): "the same",
    ("tests/sharing.py", "pickle.loads"): "what another worker of the same test run wrote",
}
"""(file, finding) -> why it is safe."""
NEVER = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"),
    *(f"{module}.{name}" for module in ("pickle", "marshal", "dill") for name in ("load", "loads")),
    *("pickle.Unpickler", "shelve.open", "joblib.load", "pandas.read_pickle", "torch.hub.load"),
    *(f"yaml.{name}" for name in ("unsafe_load", "full_load", "unsafe_load_all", "full_load_all")),
}
SUBPROCESS = {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call")}
SUBPROCESS |= {"subprocess.check_output"}
YAML = {"yaml.load", "yaml.load_all", "yaml.compose", "yaml.compose_all"}


def names_of(tree: ast.AST) -> dict[str, str]:
    """Local name -> what it was imported as, wherever in the file."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                names[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """``np.load`` as ``numpy.load``; "" for what is no dotted name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (before := dotted(node.value, names)):
        return f"{before}.{node.attr}".removeprefix("builtins.")
    return ""


def is_unsafe(name: str, call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords}

    def literally(word: str, value: object) -> bool:
        return isinstance(given.get(word), ast.Constant) and given[word].value is value

    if name in NEVER:
        return True
    if name == "torch.load":
        return not literally("weights_only", True)
    if name in ("numpy.load", "numpy.lib.format.read_array"):
        return len(call.args) > 2 or not ("allow_pickle" not in given or literally(*NO_PICKLE))
    if name in YAML:
        loader = ast.unparse(
            given.get("Loader", call.args[1] if call.args[1:] else ast.Constant(0))
        )
        return loader.rpartition(".")[2] not in ("SafeLoader", "CSafeLoader")
    if name.startswith("jinja2.") and name.endswith(("Environment", ".Template")):
        return not literally("autoescape", True)
    if name in SUBPROCESS:
        return not ("shell" not in given or literally("shell", False))
    return False


NO_PICKLE = ("allow_pickle", False)


def findings(text: str) -> list[str]:
    tree = ast.parse(text)
    names = names_of(tree)
    calls = [(dotted(n.func, names), n) for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return [name for name, call in calls if is_unsafe(name, call)]


def test_no_call_of_the_project_is_unsafe():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(listed) > 100
    found = {(file, name) for file in listed for name in findings((ROOT / file).read_text("utf-8"))}
    assert found == ALLOWED.keys(), "a new finding, or an exception that is needed no more"


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.load(p)",
        "from torch import load as get\nget(p, weights_only=False)",
        "import torch\ntorch.load(p, weights_only=safe)",
        "import pickle\npickle.load(f)",
        "from pickle import loads\nloads(b)",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import numpy as np\nnp.load(p, None, True)",
        "import numpy as np\nnp.load(p, allow_pickle=trust)",
        "import yaml\nyaml.load(t, Loader=yaml.Loader)",
        "import yaml\nyaml.load(t)",
        "from yaml import load, FullLoader\nload(t, FullLoader)",
        "import pandas as pd\npd.read_pickle(p)",
        "eval(t)",
        "import builtins\nbuiltins.exec(t)",
        "__import__(t)",
        "import jinja2\njinja2.Environment()",
        "from jinja2 import Environment\nEnvironment(autoescape=False)",
        "from jinja2 import Template\nTemplate(t)",
        "import subprocess\nsubprocess.run(t, shell=True)",
        "from subprocess import Popen\nPopen(t, shell=yes)",
        "import os\nos.system(t)",
    ],
)
def test_what_is_unsafe_is_found(text):
    assert len(findings(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.load(p, weights_only=True)",
        "import numpy as np\nnp.load(p, mmap_mode='r')\nnp.load(p, allow_pickle=False)",
        "import yaml\nyaml.safe_load(t)\nyaml.load(t, yaml.SafeLoader)",
        "model.eval()\nre.compile(t)\ntorch.compile(m)",
        "from jinja2 import Environment\nEnvironment(autoescape=True)",
        "import subprocess\nsubprocess.run([a], shell=False)\nsubprocess.run([a])",
    ],
)
def test_what_is_safe_is_not(text):
    assert findings(text) == []


@pytest.mark.parametrize(
    "annotation",
    [
        "().__class__.__base__.__subclasses__()",
        "(lambda: 0)()",
        "[x for x in (1, 2)]",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "f'{1}'",
    ],
)
def test_an_annotation_of_an_option_runs_no_code(annotation):
    from afn.study.parts.catalogue import _annotation

    with pytest.raises((TypeError, NameError)):
        _annotation(ast.parse(annotation, mode="eval").body, ast.parse(""))


def test_the_annotations_of_options_are_read():
    from afn.study.parts.catalogue import _annotation

    tree = ast.parse("Share = Annotated[float, Interval(gt=0, lt=1 / 2)]")
    assert _annotation(ast.parse("Share | None", mode="eval").body, tree) is not None
