"""Scripts of ``workflow/`` as modules: they lie in no package, so tests load them by their path.

In: a path in this project. Out: the module. Called by the tests of drawings, of the reference, of
the matrix and of the conda environment.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


def script(path: str) -> ModuleType:
    """The script ``path``, executed anew; it is known by its name meanwhile, as dataclasses ask."""
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return module
