"""`chainrule complete`: draw the missing part of images several times, and write the completions to a file."""

from __future__ import annotations

from pathlib import Path

import torch
from jsonargparse import Namespace
from torch import Tensor

from chainrule.commands.numbers import check_count
from chainrule.commands.outputs import check_output, write_arrays
from chainrule.commands.particles import check_particles_and_members, describe_particles, print_warnings
from chainrule.commands.runs import load_model, load_split, warn_of_seen_data
from chainrule.domains import SIDES, Domain, Table
from chainrule.errors import ChainruleError
from chainrule.formatting import counted
from chainrule.inference import Imputation, condition_for_draws, image_region, impute
from chainrule.models import Density
from chainrule.progress import progress_bar


def run(args: Namespace) -> int:
    """Run the command, and return the exit status."""
    out = Path(args.out)
    check_count("-n", args.n)
    check_count("--images", args.images)
    model = load_model(args)
    check_particles_and_members(args, model)
    evidence = evidence_mask(args.keep, model.domain)
    check_output(out, model.domain, (".png", ".npz"))
    split = load_split(args, model)
    rows = spread_rows(len(split), args.images)
    warn_of_seen_data(args, split, rows)
    x = split.values()[rows]
    source = condition_for_draws(model, evidence.flatten(), members=args.members or 1, seed=args.seed)
    particles = f"{counted(max(args.particles, args.n), 'particle')} an image"
    imputation = draw_completions(args, model, x, evidence, particles if source is None else "")
    write_completions(out, x, evidence, imputation.values, model.domain)
    print(f"{counted(len(x), 'image')}, {counted(args.n, 'completion')} each: {out}")
    print(f"{particles}: {describe_particles(imputation)}" if source is None else describe_draws(args, model, source))
    return 0


def evidence_mask(keep: str, domain: Domain) -> Tensor:
    """Return the pixels that `--keep` names, bool [C, H, W].

    Raises:
        ChainruleError: no such region, or data that are not images.
    """
    if not domain.is_image:
        tables = "; impute fills in tables" if isinstance(domain, Table) else ""
        raise ChainruleError(
            f"complete is for images (C, H, W), and the model's data have shape {list(domain.shape)}{tables}"
        )
    try:
        return image_region(keep, domain)
    except ChainruleError as error:
        raise ChainruleError(f"--keep {keep}: {error}") from None


def spread_rows(count: int, n: int) -> Tensor:
    """Return the indices of `n` of `count` data, spread evenly from the first to the last: data are often sorted.

    Example:
        >>> spread_rows(10, 3).tolist()
        [0, 4, 9]
    """
    return torch.linspace(0, count - 1, min(n, count)).long()


def draw_completions(args: Namespace, model: Density, x: Tensor, evidence: Tensor, note: str) -> Imputation:
    """Return the completions, with a progress bar and the library's warnings as lines on standard error."""
    with print_warnings(remedy(args.keep)), progress_bar("completing", len(x) * args.n) as shown:
        shown.note(note)
        return impute(
            model, x, evidence, n=args.n, seed=args.seed, temperature=args.temperature, members=args.members or 1,
            particles=args.particles, equal_weights=True, progress=shown,
        )  # fmt: skip


def remedy(keep: str) -> str:
    """Return how to train a model whose order begins with what is kept, as text.

    Example:
        >>> remedy("bottom")
        ' (an image model trained with --model.order bottom, or a MADE with --model.agnostic order)'
    """
    made = "a MADE with --model.agnostic order"
    return f" (an image model trained with --model.order {keep}, or {made})" if keep in SIDES else f" ({made})"


def describe_draws(args: Namespace, model: Density, source: Density) -> str:
    """Return how exact completions were drawn, and from which models, as text."""
    draws = "exact draws" if args.temperature == 1 else f"draws at temperature {args.temperature:g}"
    return f"{draws}: what is kept comes first in the order of {describe_source(model, source)}"


def describe_source(model: Density, source: Density) -> str:
    """Return what the conditioned density `source` is to the model of the run, as text."""
    if not source.components:
        return "the model" if source is model else "a member of the family"
    if not model.components:
        return f"each of {len(source.components)} members of the family"
    all_models, exact_models = len(model.components), len(source.components)
    if exact_models == all_models:
        return f"each of {counted(all_models, 'model')} of the ensemble"
    return f"{exact_models} of {all_models} models of the ensemble, and the others are left out"


def write_completions(out: Path, x: Tensor, evidence: Tensor, draws: Tensor, domain: Domain) -> None:
    """Write the completions as a picture, or with the images and the evidence as arrays."""
    from chainrule.figures import completion_grid, save_image

    if out.suffix == ".png":
        save_image(completion_grid(x, evidence, draws, domain), out)
    else:
        write_arrays(out, original=x, evidence=evidence, completions=draws)
