"""What holds for every test: no draw without a fixed seed, no skip without a kind.

Every fixture and every test begins with the same state of the generators of `random`, NumPy and
torch, so what a test draws depends neither on the tests before it, nor on which of them made a
shared fixture, nor on the worker it runs in. Hypothesis draws the same examples every time
(profile `seeded`, `quick` for a fifth of them); ``make fuzz`` draws others, and more (`fuzz`, see
tests/drawing.py).
Tests that need something of the machine say so by a mark of tests/needs.py, tests of a page or a
study by the mark of tests/about.py. What is quick follows from what a test uses (tests/quick.py).
"""

from __future__ import annotations

import os
import random
import sys

import hypothesis
import pytest
from hypothesis import settings

from tests import about, needs, quick
from tests.drawing import FUZZ, USUAL

settings.register_profile("seeded", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fuzz", max_examples=FUZZ * USUAL, deadline=None, print_blob=True)
settings.register_profile("quick", settings.get_profile("seeded"), max_examples=USUAL // 5)
settings.load_profile("seeded")
SEED = 0
# A make that a test starts is not a part of the one that started the tests: with these it would
# take over that one's variables, and print the folder it enters and leaves.
OF_THE_OUTER_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")


class TorchsGenerator:
    """Torch's own generator as Hypothesis wants it: to fix it for each example, as it does the
    generators of `random` and NumPy. Torch is not imported for the tests that do without it."""

    def seed(self, seed: int) -> None:
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(seed)

    def getstate(self):
        return sys.modules["torch"].get_rng_state() if "torch" in sys.modules else None

    def setstate(self, state) -> None:
        if state is not None:
            sys.modules["torch"].set_rng_state(state)


TORCH = TorchsGenerator()  # Hypothesis keeps a weak reference
hypothesis.register_random(TORCH)


def seed_everything() -> None:
    random.seed(SEED)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(SEED)
    TORCH.seed(SEED)


def pytest_configure(config: pytest.Config) -> None:
    for name in OF_THE_OUTER_MAKE:
        os.environ.pop(name, None)
    config.pluginmanager.register(needs.Skips.from_environment(), "skips by kind")
    config.pluginmanager.register(about.NamesTheFile(), "names of files")
    if config.getoption("quick"):
        config.pluginmanager.register(quick.Quick(), "quick tests")
        settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only tests of seconds: tests/quick.py")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    seed_everything()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    seed_everything()


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if settings.get_current_profile_name() != "fuzz" or not terminalreporter.stats.get("failed"):
        return
    seed = config.getoption("hypothesis_seed", None)
    terminalreporter.section("draw the same again")
    terminalreporter.line(f"all of it:    make fuzz SEED={seed}")
    for report in terminalreporter.stats["failed"]:
        options = f"--hypothesis-profile fuzz --hypothesis-seed {seed}"
        terminalreporter.line(f"one of it:    python -m pytest {options} '{report.nodeid}'")
