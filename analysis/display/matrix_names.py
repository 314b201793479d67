"""Names of the source x target matrices, and which of their margins the paper prints.

In: the loaded study and one of its matrices (`analysis.decisions.domain_matrices`). Out: plain
text. Called by the table, the figure and the page of the matrices.
"""

from __future__ import annotations

from typing import Any

from analysis.display import naming

OF_PAPER = {"digits": (1, "targets"), "pacs": (3, "sources")}
"""Table of the paper that a task is from, and what its columns are by what its numbers fit."""


def label(inputs: Any, matrix: Any) -> str:
    """The arm of a matrix: method, statistics where it depends on the batch, and `where`."""
    protocol = "" if matrix.protocol == "any" else naming.protocol(matrix.protocol)
    return ", ".join(filter(None, [naming.norm(matrix.norm), protocol, where(inputs, matrix)]))


def where(inputs: Any, matrix: Any) -> str:
    """Backbone and recipe of a matrix, where the matrices of the study differ in them."""
    found = inputs.domains
    parts = [naming.part(matrix.backbone)] if len({m.backbone for m in found}) > 1 else []
    return ", ".join(filter(None, [*parts, inputs.recipe_name(matrix.recipe)]))


def margin_of_paper(inputs: Any) -> str:
    """Which margin the paper's row is to be held against; nothing for a task it does not have."""
    said = []
    for task in dict.fromkeys(m.task for m in inputs.domains):
        number, columns = OF_PAPER.get(task, (0, ""))
        if columns == "targets":
            said.append(
                f"The caption of the paper's table {number} calls its columns training domains, "
                "but its numbers fit test domains: its row is to be compared with the bottom "
                "margin, the mean over sources for each target. Its average is that of all "
                "transfers and means the same either way."
            )
        elif columns == "sources":
            said.append(
                f"The columns of the paper's table {number} are training domains: its row is to be "
                "compared with the right margin, the mean over targets for each source."
            )
    return " ".join(said)
