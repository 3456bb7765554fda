"""The summary of a model in numbers: its weights and masks, its sampling steps, and the past that it depends on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from chainrule.checks import measure_dependence
from chainrule.domains import natural, raster
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel

MAX_MEASURED_SITES = 1024
"""The largest number of sites at which receptive fields are measured: more sites take minutes."""
SHOWN_SITES = 8
"""The number of sites that describe an order."""


@dataclass(frozen=True, eq=False)
class ReceptiveFields:
    """The receptive fields of all conditionals.

    Attributes:
        seen: bool [D, D], True at [i, j] where the conditional of site i can depend on site j.
        how: the text that says how this is known.
    """

    seen: Tensor
    how: str


@dataclass(frozen=True)
class WeightSummary:
    """One tensor of parameters.

    Attributes:
        name: its name in the model's state.
        shape: its shape.
        parameters: the number of its entries.
        open: the fraction of entries that the layer's mask leaves open; None without a mask.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    open: float | None


@dataclass(frozen=True)
class ModelSummary:
    """A model in numbers.

    Attributes:
        model: the name and the arguments of the model.
        domain: the domain in words.
        sites: the number of sites, D.
        order: the name of the order, or its first sites.
        parameters: the number of all parameters.
        weights: all tensors of parameters.
        steps: the number of steps of sampling.
        past_seen: of all pairs of a site and an earlier one, the fraction where the conditional of the first can depend
            on the second; None where that is not known.
        how: the text that says how this is known, or why not.
    """

    model: str
    domain: str
    sites: int
    order: str
    parameters: int
    weights: tuple[WeightSummary, ...]
    steps: int
    past_seen: float | None
    how: str


def find_receptive_fields(model: AutoregressiveModel, *, seed: int = 0) -> ReceptiveFields | None:
    """Return the receptive fields that the model knows, else measured ones; None where there are too many sites.

    Args:
        model: the model.
        seed: draws the data of the measurement.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.independent import Independent
        >>> find_receptive_fields(Independent(Binary((2,)))).how
        'from the layers, whatever the weights'
    """
    seen = model.receptive_field()
    if seen is not None:
        return ReceptiveFields(seen.cpu(), "from the layers, whatever the weights")
    if model.domain.sites > MAX_MEASURED_SITES:
        return None
    seen = measure_dependence(model, seed=seed).matrix
    return ReceptiveFields(seen, "by trying: each site was changed, and gradients were taken")


def summarise_model(model: AutoregressiveModel, fields: ReceptiveFields | None) -> ModelSummary:
    """Return the summary of a model.

    Args:
        model: the model.
        fields: the result of `find_receptive_fields`.
    """
    weights = summarise_weights(model)
    unknown = f"not known: the model does not say, and {model.domain.sites} sites are too many to try"
    return ModelSummary(
        model=describe_model(model),
        domain=str(model.domain),
        sites=model.domain.sites,
        order=describe_order(model),
        parameters=sum(weight.parameters for weight in weights),
        weights=weights,
        steps=len(model.sampler().schedule),
        past_seen=None if fields is None else model.order.past_coverage(fields.seen),
        how=unknown if fields is None else fields.how,
    )


def summarise_weights(model: nn.Module) -> tuple[WeightSummary, ...]:
    """Return a summary of each tensor of parameters, with the open fraction where its layer has a `mask`.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> [(each.name, each.shape, each.open) for each in summarise_weights(MADE(Binary((2,)), hidden=()))]
        [('output.weight', (2, 2), 0.25), ('output.bias', (2,), None)]
    """
    found = []
    for name, weight in model.named_parameters():
        mask = getattr(model.get_submodule(name.rpartition(".")[0]), "mask", None)
        masked = isinstance(mask, Tensor) and mask.ndim > 1 and weight.shape[-mask.ndim :] == mask.shape
        share = float(mask.float().mean()) if masked and mask is not None else None
        found.append(WeightSummary(name, tuple(weight.shape), weight.numel(), share))
    return tuple(found)


def group_weights(weights: Sequence[WeightSummary]) -> list[tuple[WeightSummary, int]]:
    """Return weights that differ only in the number of their layer as one, with their count.

    Example:
        >>> group_weights([WeightSummary("stack.0.bias", (2,), 2, None), WeightSummary("stack.1.bias", (2,), 2, None)])
        [(WeightSummary(name='stack.*.bias', shape=(2,), parameters=2, open=None), 2)]
    """
    groups: dict[tuple[object, ...], list[WeightSummary]] = {}
    for weight in weights:
        groups.setdefault((_name_pattern(weight.name), weight.shape, weight.open), []).append(weight)
    return [
        (group[0] if len(group) == 1 else replace(group[0], name=_name_pattern(group[0].name)), len(group))
        for group in groups.values()
    ]


def describe_model(model: AutoregressiveModel) -> str:
    """Return the model's name and arguments; the name alone where the model does not store its arguments."""
    try:
        arguments = model.arguments
    except ChainruleError:
        return model.display_name
    words = [f"{name}={value}" for name, value in arguments.items() if name not in ("domain", "order", "seed")]
    return f"{model.display_name}({', '.join(words)})"


def describe_order(model: AutoregressiveModel) -> str:
    """Return the name of the model's order or its first sites, and whether the model has other orders too."""
    return f"{_describe_own_order(model)}{', of a family of orders' if model.trained_for_several_orders else ''}"


def _describe_own_order(model: AutoregressiveModel) -> str:
    if model.order == raster(model.domain):
        return "raster: row, column, channel" if model.domain.is_image else "first site to last"
    if model.order == natural(model.domain):
        return "as the sites are numbered"
    first = ", ".join(map(str, model.order.permutation[:SHOWN_SITES]))
    return f"its own: {first}{', …' if len(model.order) > SHOWN_SITES else ''}"


def _name_pattern(name: str) -> str:
    """Return the name of a weight with `*` in place of the number of its layer."""
    return re.sub(r"\b\d+\b", "*", name)
