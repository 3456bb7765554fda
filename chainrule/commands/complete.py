"""chainrule complete RUN --data F --keep top --out F"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from chainrule.commands.common import (
    add_draw,
    add_run,
    add_split,
    check_count,
    check_out,
    load_run,
    load_split,
    warn_of_known,
    write_arrays,
)
from chainrule.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel
from chainrule.progress import bar
from chainrule.tasks.complete import complete
from chainrule.words import counted

KEEP = ("top", "bottom", "left", "right")


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_split(parser)
    parser.add_argument("--keep", choices=KEEP, default="top", help="the half of each image that is given")
    parser.add_argument("-n", type=int, default=5, help="completions of each image")
    parser.add_argument("--images", type=int, default=8, help="how many images, spread evenly over the split")
    parser.add_argument(
        "--out", type=str, required=True, help="a new file: .png for a picture, enlarged if small; .npz for the values"
    )
    add_draw(parser)


def run(args: Namespace) -> int:
    out = Path(args.out)
    check_count("-n", args.n)
    check_count("--images", args.images)
    model = load_run(args)
    evidence = given_half(model, args.keep)
    check_out(out, model.domain, (".png", ".npz"))
    split = load_split(args, model)
    rows = spread(len(split), args.images)
    warn_of_known(args, split, rows)
    x = split.values()[rows]
    with bar("completing", len(x) * args.n) as shown:
        draws = complete(model, x, evidence, args.n, seed=args.seed, temperature=args.temperature, tick=shown)
    write_completions(out, x, evidence, draws, model.domain)
    print(f"{counted(len(x), 'image')}, {counted(args.n, 'completion')} each: {out}")
    return 0


def spread(count: int, n: int) -> Tensor:
    """The rows of n of so many data, evenly spread from the first to the last: data are often sorted.

    Example:
        >>> spread(10, 3).tolist()
        [0, 4, 9]
    """
    return torch.linspace(0, count - 1, min(n, count)).long()


def given_half(model: AutoregressiveModel, side: str) -> Tensor:
    """`kept_half` of the model's domain.

    Raises:
        ChainruleError: the data are no images, or the half holds no pixel or is not what the model's order begins with.
    """
    halves = {each: kept_half(model.domain, each) for each in KEEP}
    prefixes = [each for each, half in halves.items() if half.any() and model.order.is_prefix(half.flatten())]
    if side not in prefixes:
        fault = "not what the model's order begins with, and what is drawn would ignore it"
        if not halves[side].any():
            height, width = model.domain.shape[1:]
            fault = f"no pixel in images of {height}×{width}, and nothing would be given"
        raise ChainruleError(f"--keep {side} is {fault}; this order takes {', '.join(prefixes) or 'no half'}")
    return halves[side]


def kept_half(domain: Domain, side: str) -> Tensor:
    """bool [C, H, W]: True in that half of the image; of an odd number of lines, the middle one is not in it."""
    if not domain.is_image:
        raise ChainruleError(f"complete is for images (C, H, W), and the model's data have shape {list(domain.shape)}")
    _, height, width = domain.shape
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    half = {
        "top": rows < height // 2,
        "bottom": rows >= height - height // 2,
        "left": columns < width // 2,
        "right": columns >= width - width // 2,
    }
    return half[side].expand(domain.shape)


def write_completions(out: Path, x: Tensor, evidence: Tensor, draws: Tensor, domain: Domain) -> None:
    from chainrule.figures import completion_grid, save_image

    if out.suffix == ".png":
        save_image(completion_grid(x, evidence, draws, domain), out)
    else:
        write_arrays(out, original=x, evidence=evidence, completions=draws)
