"""A comparison of seconds: data, sizes and terms. Shared by the tests of `compare`."""

from __future__ import annotations

import numpy as np

BITS = np.random.default_rng(0).integers(0, 2, (70, 3, 4), dtype=np.uint8)
SMALL = {
    "made": {"hidden": (6,)},
    "pixelcnn": {"blocks": 1, "features": 2},
    "row-lstm": {"layers": 1, "features": 2},
    "diagonal-bilstm": {"layers": 2, "features": 2},
}
WORDS = """
    --made.hidden [6] --pixelcnn.blocks 1 --pixelcnn.features 2 --row-lstm.layers 1 --row-lstm.features 2
    --diagonal-bilstm.layers 2 --diagonal-bilstm.features 2 --batch-size 9 --lr 0.01 --samples 3
"""
TERMS = {"updates": 7, "arguments": SMALL, "settings": {"batch_size": 9, "lr": 0.01}, "samples": 3}


def hurry(patch) -> None:
    """Timing takes as few updates as it can."""
    patch.setattr("chainrule.reports.compare.timing.SECONDS", 0.0)


def table_of(page: str, first: str) -> dict[str, list[str]]:
    """The rows of the Markdown table whose header begins so, by their first cells."""
    lines = page[page.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip().replace("\\_", "_") for cell in line.strip("|").split(" |")] for line in lines]
    return {row[0]: row for row in [cells[0], *cells[2:]]}
