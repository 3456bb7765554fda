"""What the commands share that draw what is missing: members, particles, and what these are worth."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from chainrule.commands.common import add_members, check_count, check_members, warn
from chainrule.formatting import rough
from chainrule.inference.conditioning import Imputation
from chainrule.inference.particles import PARTICLES, CollapseWarning
from chainrule.models import Density

MOST_PARTICLES = 10**6


def add_missing(parser: ArgumentParser) -> None:
    """--members and --particles."""
    add_members(parser)
    parser.add_argument(
        "--particles", type=int, default=PARTICLES,
        help="where no order of the model begins with what is given: how many weighted completions of each datum to "
        "draw from",
    )  # fmt: skip


def check_missing(args: Namespace, model: Density) -> None:
    """Raises ChainruleError for numbers that are those of nothing, or members of a model that has none."""
    check_count("--particles", args.particles, MOST_PARTICLES)
    check_members(args, model)


@contextmanager
def telling_collapse(remedy: str) -> Iterator[None]:
    """Within the block, a warning of the library's becomes a line on standard error at its end, with this remedy."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", CollapseWarning)
        yield
    for each in told:
        warn(f"{each.message}{remedy if issubclass(each.category, CollapseWarning) else ''}")


def worth(found: Imputation) -> str:
    """In words, what the particles are worth from which the completions were chosen."""
    return f"effective sample size {at_worst(found.ess)}; surviving ancestors {at_worst(found.ancestors)}"


def at_worst(numbers: Tensor) -> str:
    """The least number, and the median.

    Example:
        >>> import torch
        >>> at_worst(torch.tensor([1.24, 12, 480]))
        '1.2 at worst, 12 in the median'
    """
    return f"{rough(float(numbers.min()))} at worst, {rough(float(np.median(numbers.numpy())))} in the median"
