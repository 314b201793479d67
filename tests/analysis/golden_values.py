"""Published values that the statistics reproduce; ``golden/index.json`` names each source."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "golden"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def golden(name: str) -> tuple[pd.DataFrame, dict]:
    """The table and what is expected of it."""
    return pd.read_csv(FOLDER / INDEX[name]["file"]), INDEX[name]["expected"]
