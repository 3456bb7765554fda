"""Law 6: the conditional of a site depends on exactly the sites that the architecture predicts."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.checks.check_report import CheckFailed, CheckNotRun, describe_pairs, law, mask_to_pairs
from chainrule.checks.dependence import BATCH_SIZE, MAX_ELEMENTS
from chainrule.checks.variants import (
    Model,
    context_rows,
    elements_per_datum,
    frozen_copy,
    perturbed_copy,
    random_data,
    require_autoregressive,
)
from chainrule.models import AutoregressiveModel, Density
from chainrule.seeding import generator

MAX_SITES = 128
"""The largest domain of which every conditional is tested."""

NUM_SAMPLED = 48
"""The number of conditionals of a larger domain that are tested, besides the corners."""

GAIN = 0.1
"""The factor by which each layer of the copy with positive weights scales its input. With a larger one, the gates of a
deep network saturate until their derivative rounds to zero; with a far smaller one, the signals round to zero too."""


@law("6 receptive field")
def check_receptive_field(
    model: Density, *, seed: int = 0, context: Tensor | None = None, batch_size: int = BATCH_SIZE
) -> str:
    """Check law 6: the Jacobian of the conditionals is nonzero exactly where `model.receptive_field()` says.

    The Jacobian is taken of two float64 copies: one with weights that open every path, one with random weights. Of a
    large domain a sample of the conditionals is tested, with its corners.

    The prediction is computed from the masks and the geometry of the layers, so this law finds padding, shifts and
    arithmetic that contradict them. A mask that is closed by mistake is in both; it shows only in the number of sites
    that the conditionals depend on.

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data, of the weights, and of the sample.
        context: [m, ...], for a model that takes a context: the rows to check at.
        batch_size: the number of conditionals that are tested at once; 1 if data depend on the rest of their batch.

    Returns:
        a `Finding`; its `pairs` are all dependences that are not predicted.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.pixelcnn import PixelCNN
        >>> finding = check_receptive_field(PixelCNN(Binary((1, 4, 5)), blocks=1, features=2))
        >>> finding.detail
        'by Jacobian, 20 conditionals depend on exactly the 187 sites that the masks predict (190 are before them)'
    """
    model = require_autoregressive(model)
    predicted = model.receptive_field()
    if predicted is None:
        raise CheckNotRun("the model predicts no receptive field")
    sites = sites_to_check(model, seed)
    predicted = predicted.cpu()[sites]
    measured = measure_jacobian(model, sites, seed=seed, context=context, batch_size=batch_size)
    if measured is None and bool(predicted.any()):
        raise CheckNotRun("no gradient reaches the input")
    compare_fields(model, sites, torch.zeros_like(predicted) if measured is None else measured, predicted)
    of = "" if len(sites) == model.domain.sites else f" of {model.domain.sites}"
    past = int(model.order.before[sites].sum())
    return (
        f"by Jacobian, {len(sites)}{of} conditionals depend on exactly the {int(predicted.sum())} sites that the masks "
        f"predict ({past} are before them)"
    )


def sites_to_check(model: AutoregressiveModel, seed: int) -> Tensor:
    """Return the sites whose conditionals are tested, sorted: all sites, or a random sample and the corners."""
    domain = model.domain
    if domain.sites <= MAX_SITES:
        return torch.arange(domain.sites)
    image = torch.arange(domain.sites).view(domain.shape if domain.is_image else (1, 1, -1))
    corners = image[:, [0, -1]][:, :, [0, -1]].flatten()
    mask = torch.zeros(domain.sites, dtype=torch.bool)
    mask[torch.randperm(domain.sites, generator=generator(seed, 4))[:NUM_SAMPLED]] = True
    mask[corners] = True
    return mask.nonzero().flatten()


def measure_jacobian(
    model: AutoregressiveModel,
    sites: Tensor,
    *,
    seed: int = 0,
    context: Tensor | None = None,
    batch_size: int = BATCH_SIZE,
) -> Tensor | None:
    """Measure which of the conditionals of `sites`, int64 [s], have a derivative at which site, for some weights.

    Returns:
        bool [s, D]; None if no gradient reaches the input: the model does not use the input, or looks values up.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> measure_jacobian(MADE(Binary((3,))), torch.tensor([2])).int().tolist()
        [[1, 1, 0]]
    """
    batch_size = max(1, min(batch_size, MAX_ELEMENTS // elements_per_datum(model)))
    jacobian, has_gradient = torch.zeros(len(sites), model.domain.sites, dtype=torch.bool), False
    for copy in (positive_copy(model, seed), perturbed_copy(model, seed).cpu().double()):
        for indices in torch.split(torch.arange(len(sites)), batch_size):
            rows = jacobian_rows(copy, sites[indices], seed, context)
            if rows is not None:
                jacobian[indices], has_gradient = jacobian[indices] | rows, True
    return jacobian if has_gradient else None


@torch.enable_grad()
def jacobian_rows(model: AutoregressiveModel, sites: Tensor, seed: int, context: Tensor | None) -> Tensor | None:
    """Return rows of the Jacobian, bool [s, D], each at a datum of its own; a NaN counts as no derivative.

    Raises:
        CheckNotRun: the model cannot compute in float64.
    """
    x = random_data(model, len(sites), seed).double().requires_grad_()
    rows = as_double(context_rows(context, len(x)))
    try:
        params = model.predict_conditionals(x, rows).params.reshape(len(x), model.domain.sites, -1)
    except (RuntimeError, TypeError, IndexError) as error:  # it takes whole numbers or float32 only, say
        raise CheckNotRun(f"no Jacobian can be taken in float64 ({' '.join(str(error).split())})") from None
    if not params.requires_grad:
        return None
    direction = torch.rand(params.shape[2], generator=generator(seed, 6)).to(params)
    projection = params[torch.arange(len(x)), sites] @ direction
    (gradient,) = torch.autograd.grad(projection.sum(), x, materialize_grads=True)
    return torch.ne(gradient.flatten(1).nan_to_num(), 0)


def as_double(context: Tensor | None) -> Tensor | None:
    """Return a context on the CPU, in float64 if it is floating-point."""
    if context is None:
        return None
    return context.cpu().double() if context.is_floating_point() else context.cpu()


def positive_copy(model: Model, seed: int) -> Model:
    """Return a float64 copy in which no path is hidden: all weights are positive and small.

    Inputs lie in [-1, 1]. So the weighted inputs sum to less than a bias, no ReLU is ever zero, no gate saturates, and
    all paths to a conditional have the same sign: none cancels another.
    """
    model, rng = frozen_copy(model).cpu().double(), generator(seed, 5)
    for weight in model.parameters():
        if weight.is_floating_point():
            size = GAIN / (2 * weight[0].numel()) if weight.ndim > 1 else GAIN
            weight.copy_(size * (1 + torch.rand(weight.shape, generator=rng)))
    return model


def compare_fields(model: AutoregressiveModel, sites: Tensor, measured: Tensor, predicted: Tensor) -> None:
    """Compare the measured with the predicted receptive fields of `sites`, both bool [s, D].

    Raises:
        CheckFailed: they differ.
    """
    unpredicted, missing = (
        tuple((int(sites[row]), site) for row, site in mask_to_pairs(mask))
        for mask in (measured & ~predicted, predicted & ~measured)
    )
    failures = []
    if unpredicted:
        failures.append(f"{describe_pairs(model.domain, unpredicted)}, which its masks do not predict")
    if missing:
        failures.append(f"{describe_pairs(model.domain, missing, verb='does not depend on')}, which its masks predict")
    if failures:
        raise CheckFailed("; ".join(failures), unpredicted)
