"""The options of `chainrule complete`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import (
    add_data,
    add_loading,
    add_members,
    add_particles,
    add_run,
    add_seed,
    add_split,
    add_temperature,
)

USAGE = "RUN --data FILE --out FILE [options]"
EXAMPLES = (
    "chainrule complete runs/made --data digits --keep top --out completed.png",
    "chainrule complete runs/made --data digits --keep 0:8,0:3 --out out.npz",
)
KEEP = (
    "Pixels that are kept: the half top, bottom, left or right; center, the middle half of the rows and columns; "
    "border, all but center; rectangles rows,columns as slices, such as 4:12,0:20 or '4:12,0:20; 14:20,5:9'; or a "
    "picture of the same size, whose light pixels are kept."
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    files = parser.add_argument_group("input and output")
    add_run(files)
    add_data(files)
    add_split(files)
    words = "Number of images, spread evenly over the split."
    files.add_argument("--images", type=int, default=8, metavar="INT", help=words)
    words = "New file: .png for a picture, .npz for the values."
    files.add_argument("--out", type=str, required=True, metavar="FILE", help=words)
    draws = parser.add_argument_group("completions")
    draws.add_argument("--keep", type=str, default="top", metavar="REGION", help=KEEP)
    draws.add_argument("-n", type=int, default=5, metavar="INT", help="Completions of each image.")
    add_temperature(draws)
    add_members(draws)
    add_particles(draws)
    add_seed(draws, "Seed of the draws.")
    add_loading(parser.add_argument_group("model"))
