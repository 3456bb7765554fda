"""The parts that the plain PyTorch models share: log p, a training step, and the naive sampling loop.

A plain model is a function from images [n, C, H, W] to the parameters of all conditionals, [n, C, H, W, k]: the logit
of 1 for binary values (k = 1), or one logit for each level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PlainModel = Callable[[Tensor], Tensor]


def log_prob(logits: Tensor, x: Tensor) -> Tensor:
    """Return log p(x) in nats, [n].

    Args:
        logits: [n, C, H, W, k].
        x: images [n, C, H, W].
    """
    if logits.shape[-1] == 1:
        losses = F.binary_cross_entropy_with_logits(logits.squeeze(-1), x.to(logits), reduction="none")
    else:
        losses = F.cross_entropy(logits.movedim(-1, 1), x.long(), reduction="none")
    return -losses.flatten(1).sum(1)


def train_step(optimiser: torch.optim.Optimizer, compute_nll: Callable[[], Tensor]) -> None:
    """Update the parameters once, by the gradient of the mean of the NLLs [n] that `compute_nll` returns."""
    optimiser.zero_grad()
    compute_nll().mean().backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def naive_sample(model: PlainModel, shape: Sequence[int], noise: Tensor, passes: int | None = None) -> Tensor:
    """Draw images [n, C, H, W], with one pass through the whole network for each site.

    Args:
        model: a plain model.
        shape: (C, H, W).
        noise: uniform in [0, 1), one number for each site, float64 [n, C · H · W].
        passes: the number of passes after which to stop, where only a part is timed.
    """
    colours, height, width = shape
    x, noise = torch.zeros(len(noise), *shape), noise.view(-1, *shape)
    with torch.no_grad():
        for row, column, colour in islice(product(range(height), range(width), range(colours)), passes):
            site = (slice(None), colour, row, column)
            x[site] = invert_cdf(model(x)[site], noise[site])
    return x


def invert_cdf(logits: Tensor, noise: Tensor) -> Tensor:
    """Return the values [...] at which the distribution functions of logits [..., k] exceed the noise [...]."""
    if logits.shape[-1] == 1:
        return (noise >= (-logits[..., 0].double()).sigmoid()).float()
    cumulative = logits.double().softmax(-1).cumsum(-1)
    return (noise[..., None] * cumulative[..., -1:] >= cumulative[..., :-1]).sum(-1).float()


def perturb_weights(model: nn.Module) -> None:
    """Add noise to all weights in place: a layer that starts at zero would hide the layers below it."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            scale = weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.1
            weight.add_(0.7 * scale * torch.randn(weight.shape, generator=rng))
