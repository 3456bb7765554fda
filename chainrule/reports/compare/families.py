"""What is compared: families of models, and the sizes and settings that each has unless others are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.domains import Binary, Domain
from chainrule.errors import ChainruleError
from chainrule.models import BY_NAME, AutoregressiveModel, PixelRNN
from chainrule.reports.compare.baseline import STILL
from chainrule.seeding import Seed

WEIGHTS = 2**25
"""The most weights that a default MADE's hidden layer has, and the most that its direct ones may be."""
WIDTH = 500
"""Hidden units of a default MADE, where these are no more weights than that."""
SMALL, SHALLOW, DEEP = 256, 3, 7
"""Images of so many pixels at most get the fewer layers, all others the papers' seven."""


@dataclass(frozen=True)
class Family:
    """Models of one kind.

    Attributes:
        name: on the command line.
        title: its name in reports.
        size: the arguments for a domain.
        images: it takes images only.
        varied: in words, those of the arguments that are not the same for all domains.
    """

    name: str
    title: str
    size: Callable[[Domain], dict[str, Any]]
    images: bool = True
    varied: Mapping[str, str] = field(default_factory=dict)

    def make(self, domain: Domain, arguments: Mapping[str, Any], seed: Seed) -> AutoregressiveModel:
        """A model of the family.

        Raises:
            ChainruleError: arguments that it does not take.
        """
        return BY_NAME[self.name](domain, seed=seed, **arguments)

    def arguments(self, domain: Domain, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Those for a domain, with what was chosen in place of the family's own."""
        return {**self.size(domain), **chosen}

    @property
    def told(self) -> dict[str, Any]:
        """The family's own arguments, those that vary in words."""
        return {**self.size(Binary((1, 1, 1))), **self.varied}


def made_size(domain: Domain) -> dict[str, Any]:
    """One hidden layer, and direct weights: both as far as the weights stay few enough.

    Example:
        >>> from chainrule.domains import Binary, Levels
        >>> made_size(Binary((1, 28, 28))), made_size(Levels((3, 32, 32), 256))
        ({'hidden': (500,), 'direct': True}, {'hidden': (42,), 'direct': False})
    """
    inputs, outputs = int(domain.inputs.sum()), int(domain.outputs.sum())
    width = max(1, min(WIDTH, WEIGHTS // (inputs + outputs)))
    return {"hidden": (width,), "direct": inputs * outputs <= WEIGHTS}


def layers(domain: Domain) -> int:
    """How many residual blocks or LSTM layers, by the number of pixels."""
    pixels = domain.sites // domain.shape[0]
    return SHALLOW if pixels <= SMALL else DEEP


def pixelcnn_size(domain: Domain) -> dict[str, Any]:
    return {"blocks": layers(domain), "features": 32, "position_bias": True}


def pixelrnn_size(domain: Domain) -> dict[str, Any]:
    return {"layers": layers(domain), "features": 16, "position_bias": True}


INDEPENDENT = "independent"
"""The yardstick: it is always there, counted and not trained, and not one of those that are compared."""

_DEPTH = f"{SHALLOW}, above {SMALL} pixels {DEEP}"
_MADE = {"hidden": f"[{WIDTH}], of large data fewer", "direct": "true, of large data false"}
_ALL = (
    Family(INDEPENDENT, "Independent", lambda _: {}, images=False),
    Family("made", "MADE", made_size, images=False, varied=_MADE),
    Family("pixelcnn", "PixelCNN", pixelcnn_size, varied={"blocks": _DEPTH}),
    Family("row-lstm", "Row LSTM", pixelrnn_size, varied={"layers": _DEPTH}),
    Family("diagonal-bilstm", "Diagonal BiLSTM", pixelrnn_size, varied={"layers": _DEPTH}),
)
FAMILIES = {family.name: family for family in _ALL}
COMPARED = tuple(name for name in FAMILIES if name != INDEPENDENT)
RECURRENT = tuple(name for name in FAMILIES if BY_NAME[name].make is PixelRNN)

SETTINGS = {"lr": 5e-3, "batch_size": 50, "warmup": 50, "weight_decay": 0.1}
"""Of all models' training, unless others are asked for; the rest as for `fit`."""
SETTLED = ("epochs", "updates", "seed")
"""Settings of training that the terms of a comparison stand for."""


def names_for(domain: Domain, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The families to compare, in their order: those asked for, or all that take such data.

    Raises:
        ChainruleError: an unknown name.
    """
    if asked is None:
        return tuple(name for name in COMPARED if domain.is_image or not FAMILIES[name].images)
    for name in asked:
        if name not in COMPARED:
            raise ChainruleError(f"there is no model {name!r} to compare; there are {', '.join(COMPARED)}")
    if not asked:
        raise ChainruleError(f"no models are named; there are {', '.join(COMPARED)}")
    return tuple(name for name in COMPARED if name in asked)


def settings_for(name: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """How a family is trained, with what was chosen in place of the defaults."""
    return {**SETTINGS, **chosen, **(STILL if name == INDEPENDENT else {})}
