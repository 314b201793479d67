"""The trainings of a search by their paths, as far as they are known before anything is trained.

In: a `SearchGroup`. Out: path of every result of its trials, and what each adds. Called by the
progress line, by the inventory and by `afn.study.plan`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from afn.common import parsing
from afn.study.search.groups import SearchGroup


class TrialRun(NamedTuple):
    """A result of a search, as far as it is known before anything is trained."""

    epochs: int
    """Those that it adds to what its trial was trained before."""
    before: int
    slot: Path
    """The file, under the folder of results, that says which trial it trains further."""
    seed: int
    cell: str
    """The path of the cell that it is a trial of."""
    slotted: bool
    """Which trial it trains is known only once others have ended."""

    def trial(self, results: Path) -> str | None:
        """The run that the ledger names, behind the first rung; None while nothing fills it."""
        try:
            cell = parsing.load(results / self.slot)["cell"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return cell and f"{cell}/seed{self.seed}"


def trial_runs(group: SearchGroup) -> dict[str, TrialRun]:
    """Path (task/backbone/norm/recipe/seed) of every result of a search, and what is known of it.

    On the first rung the path is the run that the ledger names.
    """
    specs = Path("search", group.path, "specs")
    rungs = {
        f"{name}/seed{seed}": TrialRun(
            group.steps[rung],
            group.rungs[rung] - group.steps[rung],
            specs / f"{name}.json",
            seed,
            cell,
            rung > 0,
        )
        for number in range(len(group.rounds))
        for rung, count in enumerate(group.slots(number))
        for slot in range(count)
        for cell in group.cells
        for name in [group.slot_cell(cell, number, rung, slot)]
        for seed in group.seeds
    }
    finals = {
        f"{name}/seed{seed}": TrialRun(group.epochs, 0, specs / f"{name}.json", seed, cell, True)
        for slot in range(group.final_slots)
        for cell in group.cells
        for name in [group.final_cell(cell, slot)]
        for seed in group.final_seeds
    }
    return rungs | finals
