"""What the plain baselines have in common: log p, a training step, and the naive sampling loop.

A plain model is a function from images [n, C, H, W] to the numbers of all sites, [n, C, H, W, k]: the logit of 1 where
values are binary (k = 1), or one logit for each level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Numbers = Callable[[Tensor], Tensor]


def log_prob(numbers: Tensor, x: Tensor) -> Tensor:
    """log p(x) in nats, [n]."""
    if numbers.shape[-1] == 1:
        losses = F.binary_cross_entropy_with_logits(numbers.squeeze(-1), x.to(numbers), reduction="none")
    else:
        losses = F.cross_entropy(numbers.movedim(-1, 1), x.long(), reduction="none")
    return -losses.flatten(1).sum(1)


def step(optimiser: torch.optim.Optimizer, nats: Callable[[], Tensor]) -> None:
    """One step of the optimiser against the gradient of the mean of the NLLs [n] that `nats` computes."""
    optimiser.zero_grad()
    nats().mean().backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def naive_sample(numbers_of: Numbers, shape: Sequence[int], noise: Tensor, passes: int | None = None) -> Tensor:
    """Images drawn with one pass through the whole network for each site; [n, C, H, W].

    Args:
        noise: uniform in [0, 1), one number for each site, float64 [n, C · H · W].
        passes: stop after so many, to time a part.
    """
    colours, height, width = shape
    x, noise = torch.zeros(len(noise), *shape), noise.view(-1, *shape)
    with torch.no_grad():
        for row, column, colour in islice(product(range(height), range(width), range(colours)), passes):
            site = (slice(None), colour, row, column)
            x[site] = draw(numbers_of(x)[site], noise[site])
    return x


def draw(numbers: Tensor, noise: Tensor) -> Tensor:
    """The values [...] at which the distribution functions of numbers [..., k] pass the noise [...]."""
    if numbers.shape[-1] == 1:
        return (noise >= (-numbers[..., 0].double()).sigmoid()).float()
    upto = numbers.double().softmax(-1).cumsum(-1)
    return (noise[..., None] * upto[..., -1:] >= upto[..., :-1]).sum(-1).float()


def stirred(model: nn.Module) -> None:
    """Adds noise to all weights in place: layers that start at zero would hide what is behind them."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            scale = weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.1
            weight.add_(0.7 * scale * torch.randn(weight.shape, generator=rng))
