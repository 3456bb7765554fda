"""Data, sizes and options of a comparison that takes seconds, for the tests of `compare`."""

from __future__ import annotations

import numpy as np

BITS = np.random.default_rng(0).integers(0, 2, (70, 3, 4), dtype=np.uint8)
SMALL_MODELS = {
    "made": {"hidden": (6,)},
    "pixelcnn": {"blocks": 1, "features": 2},
    "row-lstm": {"layers": 1, "features": 2},
    "diagonal-bilstm": {"layers": 2, "features": 2},
}
COMMAND_OPTIONS = """
    --made.hidden [6] --pixelcnn.blocks 1 --pixelcnn.features 2 --row-lstm.layers 1 --row-lstm.features 2
    --diagonal-bilstm.layers 2 --diagonal-bilstm.features 2 --batch-size 9 --lr 0.01 --samples 3
"""
"""`OPTIONS` without the budget, as options of the command."""
OPTIONS = {
    "updates": 7,
    "arguments": SMALL_MODELS,
    "settings": {"batch_size": 9, "lr": 0.01},
    "samples": 3,
}


def shorten_timing(patch) -> None:
    """Make the timing of updates as short as possible."""
    patch.setattr("chainrule.reports.compare.update_timing.TIMED_SECONDS", 0.0)


def read_table(page: str, first: str) -> dict[str, list[str]]:
    """Return the rows of the Markdown table whose header begins with `first`, by their first cells."""
    lines = page[page.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip().replace("\\_", "_") for cell in line.strip("|").split(" |")] for line in lines]
    return {row[0]: row for row in [cells[0], *cells[2:]]}
