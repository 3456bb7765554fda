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
    load_model,
    load_split,
    warn_of_known,
    write_arrays,
)
from chainrule.commands.missing import add_missing, check_missing, telling_collapse, worth
from chainrule.domains import Domain, Table
from chainrule.domains.orders import SIDES
from chainrule.errors import ChainruleError
from chainrule.formatting import counted
from chainrule.inference.complete import completed
from chainrule.inference.conditioning import Imputation, Request
from chainrule.inference.regions import region
from chainrule.models import Density, Ensemble
from chainrule.progress import bar
from chainrule.sampling.decode import CHUNK


def options(parser: ArgumentParser, _argv: Sequence[str]) -> None:
    add_run(parser)
    add_split(parser)
    parser.add_argument(
        "--keep", type=str, default="top", metavar="REGION",
        help="what is given of each image: the half top, bottom, left or right; center, the middle half of its rows "
        "and columns; border, all but that; rectangles rows,columns such as '4:12,0:20; 14:20,5:9', which are slices; "
        "or a picture of the image's size, of which light pixels are given",
    )  # fmt: skip
    add_missing(parser)
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
    model = load_model(args)
    check_missing(args, model)
    evidence = kept(args.keep, model.domain)
    check_out(out, model.domain, (".png", ".npz"))
    split = load_split(args, model)
    rows = spread(len(split), args.images)
    warn_of_known(args, split, rows)
    x = split.values()[rows]
    source = model.fitting(evidence.flatten(), args.members or 1, args.seed)
    particles = f"{counted(max(args.particles, args.n), 'particle')} an image"
    found = drawn(args, model, x, evidence, particles if source is None else "")
    write_completions(out, x, evidence, found.values, model.domain)
    print(f"{counted(len(x), 'image')}, {counted(args.n, 'completion')} each: {out}")
    print(f"{particles}: {worth(found)}" if source is None else exactness(args, model, source))
    return 0


def kept(what: str, domain: Domain) -> Tensor:
    """`region`, with errors that name the option."""
    if not domain.is_image:
        tables = "; impute fills in tables" if isinstance(domain, Table) else ""
        raise ChainruleError(
            f"complete is for images (C, H, W), and the model's data have shape {list(domain.shape)}{tables}"
        )
    try:
        return region(what, domain)
    except ChainruleError as error:
        raise ChainruleError(f"--keep {what}: {error}") from None


def spread(count: int, n: int) -> Tensor:
    """The rows of n of so many data, evenly spread from the first to the last: data are often sorted.

    Example:
        >>> spread(10, 3).tolist()
        [0, 4, 9]
    """
    return torch.linspace(0, count - 1, min(n, count)).long()


def drawn(args: Namespace, model: Density, x: Tensor, evidence: Tensor, note: str) -> Imputation:
    """The completions; a warning of the library's becomes a line on standard error."""
    with telling_collapse(remedy(args.keep)), bar("completing", len(x) * args.n) as shown:
        shown.note(note)
        how = Request(args.n, args.seed, args.temperature, CHUNK, args.members or 1, args.particles, shown)
        return completed(model, x, evidence, how)


def remedy(what: str) -> str:
    """How to come by a model whose order begins with what is given.

    Example:
        >>> remedy("bottom")
        ' (an image model trained with --model.order bottom, or a MADE with --model.agnostic order)'
    """
    made = "a MADE with --model.agnostic order"
    return f" (an image model trained with --model.order {what}, or {made})" if what in SIDES else f" ({made})"


def exactness(args: Namespace, model: Density, source: Density) -> str:
    """In words, which model drew the completions from p(missing | given)."""
    draws = "exact draws" if args.temperature == 1 else f"draws at temperature {args.temperature:g}"
    return f"{draws}: what is given comes first in the order of {in_words(model, source)}"


def in_words(model: Density, source: Density) -> str:
    """What the density that took the evidence first is to the model that was asked."""
    if not isinstance(source, Ensemble):
        return "the model" if source is model else "a member of the family"
    if not isinstance(model, Ensemble):
        return f"each of {len(source.members)} members of the family"
    there, fitting = len(model.members), len(source.members)
    if fitting == there:
        return f"each of {counted(there, 'model')} of the ensemble"
    return f"{fitting} of {there} models of the ensemble, and the others are left out"


def write_completions(out: Path, x: Tensor, evidence: Tensor, draws: Tensor, domain: Domain) -> None:
    from chainrule.figures import completion_grid, save_image

    if out.suffix == ".png":
        save_image(completion_grid(x, evidence, draws, domain), out)
    else:
        write_arrays(out, original=x, evidence=evidence, completions=draws)
