"""Messages about particles: the weighted completions from which missing values are chosen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jsonargparse import Namespace
from torch import Tensor

from chainrule.commands.messages import warn
from chainrule.commands.numbers import check_count
from chainrule.commands.runs import check_members
from chainrule.formatting import rough
from chainrule.inference import CollapseWarning, Imputation
from chainrule.models import Density

MOST_PARTICLES = 10**6


def check_particles_and_members(args: Namespace, model: Density) -> None:
    """Raise ChainruleError for a number of particles out of range, or for members that the model does not have."""
    check_count("--particles", args.particles, MOST_PARTICLES)
    check_members(args, model)


@contextmanager
def print_warnings(remedy: str) -> Iterator[None]:
    """Print the library's warnings at the end of the block, those of collapsed particles with this remedy."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        yield
    for each in caught:
        warn(f"{each.message}{remedy if issubclass(each.category, CollapseWarning) else ''}")


def describe_particles(imputation: Imputation) -> str:
    """Return how many particles the chosen completions amount to, as text."""
    ess, ancestors = describe_least(imputation.ess), describe_least(imputation.ancestors)
    return f"effective sample size {ess}; surviving ancestors {ancestors}"


def describe_least(numbers: Tensor) -> str:
    """Return the least number and the median, as text.

    Example:
        >>> import torch
        >>> describe_least(torch.tensor([1.24, 12, 480]))
        '1.2 at worst, 12 in the median'
    """
    return f"{rough(float(numbers.min()))} at worst, {rough(float(np.median(numbers.numpy())))} in the median"
