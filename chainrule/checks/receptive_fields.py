"""Law 6: the conditional of a site depends on the sites that the architecture predicts, no fewer and no others."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.checks.dependence import BATCH, NUMBERS
from chainrule.checks.report import Broken, NotRun, law, pairs_in_words, pairs_of
from chainrule.checks.variants import Model, as_it_is, memory_of, moved, of_one_order, random_data
from chainrule.models.base import AutoregressiveModel, Density
from chainrule.seeding import generator

SITES = 128
"""The largest domain of which every conditional is asked."""

SAMPLE = 48
"""How many conditionals of a larger one are asked."""

GAIN = 0.1
"""How much each layer of the copy with positive weights passes on. With more, gates of a deep network saturate until
their derivative rounds to zero; with far less, so do the signals on their way through it."""


@law("6 receptive field")
def receptive_field(model: Density, seed: int = 0, batch: int = BATCH) -> str:
    """Law 6: the Jacobian of the conditionals is nonzero exactly where `model.receptive_field()` says.

    The Jacobian is that of two float64 copies: one with weights that open every path, one with random weights. Of a
    large domain a sample of the conditionals is asked, its corners among them.

    The prediction is read off the masks and the geometry of the layers, so the law finds padding, shifts and arithmetic
    that do not do what these say; a mask that is closed where it should be open is in both, and shows only as sites
    before the conditional that it does not see.

    Args:
        model: any that fulfils the contract.
        seed: draws the data, the weights, and the sample.
        batch: the data of a batch, each of which asks about another site; 1 where data depend on their neighbours.

    Returns:
        a Finding; its `pairs` are all that see what is not predicted.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.pixelcnn import PixelCNN
        >>> print(receptive_field(PixelCNN(Binary((1, 4, 5)), blocks=1, features=2)))
        passed   6 receptive field: by Jacobian, 20 conditionals see 187 of 190 sites, as its masks predict
    """
    model = of_one_order(model)
    predicted = model.receptive_field()
    if predicted is None:
        raise NotRun("the model does not predict any")
    sites = asked(model, seed)
    predicted, seen = predicted.cpu()[sites], jacobian(model, sites, seed, batch)
    if seen is None and bool(predicted.any()):
        raise NotRun("no gradient reaches the input")
    compare(model, sites, torch.zeros_like(predicted) if seen is None else seen, predicted)
    of = "" if len(sites) == model.domain.sites else f" of {model.domain.sites}"
    past = int(model.order.before[sites].sum())
    return (
        f"by Jacobian, {len(sites)}{of} conditionals see {int(predicted.sum())} of {past} sites, as its masks predict"
    )


def asked(model: AutoregressiveModel, seed: int) -> Tensor:
    """The sites whose conditionals are looked at, sorted: all, or a sample with the corners."""
    domain = model.domain
    if domain.sites <= SITES:
        return torch.arange(domain.sites)
    image = torch.arange(domain.sites).view(domain.shape if domain.is_image else (1, 1, -1))
    corners = image[:, [0, -1]][:, :, [0, -1]].flatten()
    chosen = torch.zeros(domain.sites, dtype=torch.bool)
    chosen[torch.randperm(domain.sites, generator=generator(seed, 4))[:SAMPLE]] = True
    chosen[corners] = True
    return chosen.nonzero().flatten()


def jacobian(model: AutoregressiveModel, sites: Tensor, seed: int, batch: int = BATCH) -> Tensor | None:
    """bool [s, D]: [k, j] True where the conditional of sites[k] has a derivative at site j, at some weights.

    None where no gradient reaches the input: the model does not look at it, or looks values up.
    """
    batch = max(1, min(batch, NUMBERS // memory_of(model)))
    seen, reached = torch.zeros(len(sites), model.domain.sites, dtype=torch.bool), False
    for each in (opened(model, seed), moved(model, seed).cpu().double()):
        for some in torch.split(torch.arange(len(sites)), batch):
            found = rows(each, sites[some], seed)
            if found is not None:
                seen[some], reached = seen[some] | found, True
    return seen if reached else None


@torch.enable_grad()
def rows(model: AutoregressiveModel, sites: Tensor, seed: int) -> Tensor | None:
    """Rows of the Jacobian, bool [s, D], each at a datum of its own. A derivative of NaN says nothing."""
    x = random_data(model, len(sites), seed).double().requires_grad_()
    try:
        numbers = model.conditionals(x).params.reshape(len(x), model.domain.sites, -1)
    except (RuntimeError, TypeError, IndexError) as error:  # it takes whole numbers or float32 alone, say
        raise NotRun(f"no Jacobian can be taken in float64 ({' '.join(str(error).split())})") from None
    if not numbers.requires_grad:
        return None
    direction = torch.rand(numbers.shape[2], generator=generator(seed, 6)).to(numbers)
    projection = numbers[torch.arange(len(x)), sites] @ direction
    (gradient,) = torch.autograd.grad(projection.sum(), x, materialize_grads=True)
    return torch.ne(gradient.flatten(1).nan_to_num(), 0)


def opened(model: Model, seed: int) -> Model:
    """A float64 copy in which nothing hides a path: all weights are positive and small.

    Inputs lie in [-1, 1]. So what weights add up to is smaller than a bias, no ReLU is ever shut, no gate saturated,
    and all paths to a conditional add up; none cancels another.
    """
    model, rng = as_it_is(model).cpu().double(), generator(seed, 5)
    for weight in model.parameters():
        if weight.is_floating_point():
            size = GAIN / (2 * weight[0].numel()) if weight.ndim > 1 else GAIN
            weight.copy_(size * (1 + torch.rand(weight.shape, generator=rng)))
    return model


def compare(model: AutoregressiveModel, sites: Tensor, seen: Tensor, predicted: Tensor) -> None:
    """Nothing is seen that was not predicted, and all that was: bool [s, D] both, rows those of `sites`."""
    unpredicted, unseen = (
        tuple((int(sites[row]), site) for row, site in pairs_of(wrong))
        for wrong in (seen & ~predicted, predicted & ~seen)
    )
    faults = []
    if unpredicted:
        faults.append(f"{pairs_in_words(model.domain, unpredicted)}, which its masks do not predict")
    if unseen:
        faults.append(f"{pairs_in_words(model.domain, unseen, 'does not see')}, which its masks predict")
    if faults:
        raise Broken("; ".join(faults), unpredicted)
