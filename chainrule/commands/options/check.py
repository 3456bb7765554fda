"""The options of `chainrule check`."""

from __future__ import annotations

from collections.abc import Sequence

from jsonargparse import ArgumentParser

from chainrule.commands.options.groups import add_import, add_json, add_seed

USAGE = "RUN [options]\n       chainrule check MODULE:FUNCTION --shape C,H,W --levels INT --layout AXES"
EXAMPLES = (
    "chainrule check runs/made",
    "chainrule check model:net --shape 1,6,6 --levels 2 --layout n,c,h,w",
)
LAYOUT = (
    "Axes of the logits. Of images: n,kc,h,w (one axis of K*C, the levels slower), n,ck,h,w (the channels slower), "
    "n,c,k,h,w, n,k,c,h,w, n,c,h,w,k, n,c,h,w (one output for a site), n,k,h,w (K outputs for a pixel, for all of its "
    "channels). Of rows: n,kd, n,dk, n,d,k, n,k,d, n,d."
)
ORDER = (
    "Order of the sites: raster (row, column, channel), raster-bgr, columns, planes, reverse, or the indices of all "
    "sites of the flattened image, separated by commas. Default: raster."
)


def add_options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    """Add the options, in groups."""
    checked = parser.add_argument_group("what is checked")
    words = (
        "Folder of a trained model; or MODULE:FUNCTION, a function or nn.Module by its name in a module of the current "
        "folder, from images [n, C, H, W] or rows [n, D] to logits. A function is only searched for leaks."
    )
    checked.add_argument("run", metavar="RUN", type=str, help=words)
    add_seed(checked, "Seed of the data that are tried.")
    add_json(checked)
    of_run = parser.add_argument_group("options of a RUN")
    add_import(of_run)
    of_run.add_argument("--device", type=str, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps. Default: auto.")
    of_function = parser.add_argument_group("options of MODULE:FUNCTION (the first three are required)")
    for name, kind, metavar, words in (
        ("shape", str, "C,H,W", "Shape of an image, or D for rows of D sites. A small shape is quick."),
        ("levels", int, "INT", "K, the number of values that a site can take."),
        ("layout", str, "AXES", LAYOUT),
        ("outputs-per-site", int, "INT", "Size of k in --layout, where it is not K (parameters of a mixture, say)."),
        ("scale", str, "NAME", "Scale of the images: unit (0 to 1), signed (-1 to 1), levels (0.0 to K-1), integers "
         "(int64). Default: unit."),
        ("order", str, "NAME", ORDER),
        ("out", str, "FILE", "New figure of the leaks: .png, .pdf or .svg."),
    ):  # fmt: skip
        of_function.add_argument(f"--{name}", type=kind, default=None, metavar=metavar, help=words)
