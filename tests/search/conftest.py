"""Made-up trials are of no data: what the checkout may have prepared is nothing to them."""

from __future__ import annotations

import pytest

from afn.search import promotion


@pytest.fixture(autouse=True, scope="module")
def no_prepared_data(tmp_path_factory):
    """Let the steps of a search find no prepared data, also where a study was run before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promotion, "PREPARED", tmp_path_factory.mktemp("prepared"))
        yield
