"""What there is to say of a model in numbers: its weights, its masks, its steps, and how much of the past it sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from chainrule.checks import dependence
from chainrule.domains.orders import natural, raster
from chainrule.models import MADE, AutoregressiveModel

LARGEST_TRIED = 1024
"""Sites of a model that does not say what it sees, and is tried: beyond, that takes minutes."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Who sees whom.

    Attributes:
        seen: bool [D, D], True at [i, j] where the conditional of site i sees site j.
        how: how that is known, in words.
    """

    seen: Tensor
    how: str


@dataclass(frozen=True)
class Weight:
    """One tensor of parameters.

    Attributes:
        name: as in the model's state.
        shape: as it is stored.
        parameters: how many numbers it holds.
        open: the share of them that the layer's mask leaves; None where no mask is on it.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    open: float | None


@dataclass(frozen=True)
class Facts:
    """A model in numbers.

    Attributes:
        model: what it is called, with what it was made with.
        domain: what a datum is.
        sites: D.
        order: the name of the order, or the first of its sites.
        parameters: of all weights.
        weights: each of them.
        steps: of a walk over the sites.
        past_seen: the share of all pairs of a site and one before it, of which the first sees the second; None where
            that is not known.
        how: how that is known, or why it is not.
    """

    model: str
    domain: str
    sites: int
    order: str
    parameters: int
    weights: tuple[Weight, ...]
    steps: int
    past_seen: float | None
    how: str


def fields_of(model: AutoregressiveModel, seed: int = 0) -> Fields | None:
    """Who sees whom, as the model says, or else as it is found by trying; None where the domain is too large for that.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.independent import Independent
        >>> fields_of(Independent(Binary((2,)))).how
        'from the layers, whatever the weights'
    """
    seen = model.receptive_field()
    if seen is not None:
        return Fields(seen.cpu(), "from the layers, whatever the weights")
    if model.domain.sites > LARGEST_TRIED:
        return None
    return Fields(dependence(model, seed).ever, "by trying: each site was changed, and gradients were taken")


def facts_of(model: AutoregressiveModel, fields: Fields | None) -> Facts:
    """The model in numbers.

    Args:
        fields: as `fields_of` gives them.
    """
    weights = weights_of(model)
    return Facts(
        model=describe_model(model),
        domain=str(model.domain),
        sites=model.domain.sites,
        order=describe_order(model),
        parameters=sum(weight.parameters for weight in weights),
        weights=weights,
        steps=len(model.schedule),
        past_seen=None if fields is None else model.order.past_seen(fields.seen),
        how=f"not known: the model does not say, and {model.domain.sites} sites are too many to try"
        if fields is None
        else fields.how,
    )


def weights_of(model: nn.Module) -> tuple[Weight, ...]:
    """All parameters, and what is open of those that a `mask` of their layer lies on.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> [(each.name, each.shape, each.open) for each in weights_of(MADE(Binary((2,)), hidden=()))]
        [('output.weight', (2, 2), 0.25), ('output.bias', (2,), None)]
    """
    found = []
    for name, weight in model.named_parameters():
        mask = getattr(model.get_submodule(name.rpartition(".")[0]), "mask", None)
        masked = isinstance(mask, Tensor) and mask.ndim > 1 and weight.shape[-mask.ndim :] == mask.shape
        share = float(mask.float().mean()) if masked and mask is not None else None
        found.append(Weight(name, tuple(weight.shape), weight.numel(), share))
    return tuple(found)


def grouped(weights: Sequence[Weight]) -> list[tuple[Weight, int]]:
    """Weights that differ in the numbers of their layers alone as one, with how many they are.

    Example:
        >>> grouped([Weight("stack.0.bias", (2,), 2, None), Weight("stack.1.bias", (2,), 2, None)])
        [(Weight(name='stack.*.bias', shape=(2,), parameters=2, open=None), 2)]
    """
    groups: dict[tuple[object, ...], list[Weight]] = {}
    for each in weights:
        groups.setdefault((_pattern(each.name), each.shape, each.open), []).append(each)
    return [
        (alike[0] if len(alike) == 1 else replace(alike[0], name=_pattern(alike[0].name)), len(alike))
        for alike in groups.values()
    ]


def describe_model(model: AutoregressiveModel) -> str:
    """What it is called and its arguments, in words; the name alone of a model that does not keep them."""
    try:
        arguments = model.arguments
    except AttributeError:
        return model.in_words()
    words = [f"{name}={value}" for name, value in arguments.items() if name not in ("domain", "order", "seed")]
    return f"{model.in_words()}({', '.join(words)})"


def describe_order(model: AutoregressiveModel) -> str:
    """Raster, natural, or the first sites of another order; and whether it is one of many."""
    many = isinstance(model, MADE) and model.agnostic in ("order", "both")
    return f"{_one_order(model)}{', of a family of orders' if many else ''}"


def _one_order(model: AutoregressiveModel) -> str:
    if model.order == raster(model.domain):
        return "raster: row, column, channel" if model.domain.is_image else "first site to last"
    if model.order == natural(model.domain):
        return "as the sites are numbered"
    first = ", ".join(map(str, model.order.permutation[:8]))
    return f"its own: {first}{', …' if len(model.order) > 8 else ''}"


def _pattern(name: str) -> str:
    """The name of a weight without the number of its layer."""
    return re.sub(r"\b\d+\b", "*", name)
