"""The wheel, built once."""

from __future__ import annotations

import pytest

from tests.packaging import places
from tests.sharing import once


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of a copy of this tree."""

    def make(folder):
        (folder / "tree").mkdir()
        return places.build(places.tree(folder / "tree"), folder / "dist")

    return once(tmp_path_factory, "wheel of this tree", make)
