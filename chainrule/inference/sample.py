"""Ancestral sampling: each site is drawn given the sites before it."""

from __future__ import annotations

from torch import Tensor, nn

from chainrule.domains import ArrayLike
from chainrule.models import as_density
from chainrule.progress import ProgressCallback
from chainrule.sampling import BATCH_SIZE
from chainrule.seeding import Seed


def sample(
    model: nn.Module,
    n: int,
    *,
    seed: Seed = 0,
    temperature: float = 1.0,
    context: ArrayLike | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool | ProgressCallback = False,
) -> Tensor:
    """Draw n data from a density: [n, *shape] in the dtype of the domain, on the CPU.

    It is `model.sample`, for wrapped models too (`DataParallel`, `torch.compile`); see `Density.sample`.

    Args:
        model: any density.
        n: the number of data.
        seed: an integer, or a torch generator. Datum i depends on the seed and on i alone.
        temperature: 1 draws from p itself; a lower temperature prefers the likelier values at each site.
        context: [n, ...], where the model takes a context.
        batch_size: the number of data that are drawn at once, at most.
        progress: True shows a progress bar; a callable is called with the number of finished data.

    Raises:
        ChainruleError: n < 1, or a temperature of 0 or less.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models import MADE
        >>> sample(MADE(Binary((3,)), hidden=(8,)), 5, seed=1).shape
        torch.Size([5, 3])
    """
    return as_density(model).sample(
        n, seed=seed, temperature=temperature, context=context, batch_size=batch_size, progress=progress
    )
