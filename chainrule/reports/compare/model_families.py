"""The families of models that are compared, and the default arguments and settings of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.domains import Binary, Domain
from chainrule.errors import ChainruleError
from chainrule.models import BY_NAME, AutoregressiveModel
from chainrule.seeding import Seed

MAX_WEIGHTS = 2**25
"""The largest number of weights of a default MADE's hidden layer, and of its direct connections."""
HIDDEN_UNITS = 500
"""The number of hidden units of a default MADE, if these have no more than `MAX_WEIGHTS` weights."""
SMALL_IMAGE, SHALLOW, DEEP = 256, 3, 7
"""Images of up to 256 pixels get 3 layers by default, larger ones the 7 layers of the paper."""

BASELINE = "independent"
"""The family that is always there and not compared: it is not trained, since the data give its frequencies."""


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: the name on the command line.
        title: the name in reports.
        default_arguments: returns the default arguments of the model for a domain.
        needs_images: whether the family takes images only.
        has_ablation: whether the model has the arguments `residual` and `skip`, which an ablation varies.
        varying: the descriptions of the default arguments that differ between domains, by name.
    """

    name: str
    title: str
    default_arguments: Callable[[Domain], dict[str, Any]]
    needs_images: bool = True
    has_ablation: bool = False
    varying: Mapping[str, str] = field(default_factory=dict)

    def make(self, domain: Domain, arguments: Mapping[str, Any], seed: Seed) -> AutoregressiveModel:
        """Return a model of the family.

        Raises:
            ChainruleError: arguments that the model does not take.
        """
        return BY_NAME[self.name](domain, seed=seed, **arguments)

    def arguments(self, domain: Domain, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the default arguments for a domain, replaced by the chosen arguments."""
        return {**self.default_arguments(domain), **chosen}

    @property
    def described_arguments(self) -> dict[str, Any]:
        """The default arguments by name, with a description where they differ between domains."""
        return {**self.default_arguments(Binary((1, 1, 1))), **self.varying}


def made_arguments(domain: Domain) -> dict[str, Any]:
    """Return one hidden layer and direct connections, both limited by `MAX_WEIGHTS`.

    Example:
        >>> from chainrule.domains import Binary, Levels
        >>> made_arguments(Binary((1, 28, 28)))
        {'hidden': (500,), 'direct_connections': True}
        >>> made_arguments(Levels((3, 32, 32), 256))
        {'hidden': (42,), 'direct_connections': False}
    """
    inputs, outputs = int(domain.inputs.sum()), int(domain.outputs.sum())
    width = max(1, min(HIDDEN_UNITS, MAX_WEIGHTS // (inputs + outputs)))
    return {"hidden": (width,), "direct_connections": inputs * outputs <= MAX_WEIGHTS}


def default_depth(domain: Domain) -> int:
    """Return the number of residual blocks or LSTM layers for images of that number of pixels."""
    pixels = domain.sites // domain.shape[0]
    return SHALLOW if pixels <= SMALL_IMAGE else DEEP


def pixelcnn_arguments(domain: Domain) -> dict[str, Any]:
    """Return the default arguments of a PixelCNN."""
    return {"blocks": default_depth(domain), "features": 32, "position_bias": True}


def pixelrnn_arguments(domain: Domain) -> dict[str, Any]:
    """Return the default arguments of a PixelRNN."""
    return {"layers": default_depth(domain), "features": 16, "position_bias": True}


_DEPTH = f"{SHALLOW}, above {SMALL_IMAGE} pixels {DEEP}"
_MADE = {"hidden": f"[{HIDDEN_UNITS}], of large data fewer", "direct_connections": "true, of large data false"}
_ALL = (
    Family(BASELINE, "Independent", lambda _: {}, needs_images=False),
    Family("made", "MADE", made_arguments, needs_images=False, varying=_MADE),
    Family("pixelcnn", "PixelCNN", pixelcnn_arguments, varying={"blocks": _DEPTH}),
    Family("row-lstm", "Row LSTM", pixelrnn_arguments, has_ablation=True, varying={"layers": _DEPTH}),
    Family("diagonal-bilstm", "Diagonal BiLSTM", pixelrnn_arguments, has_ablation=True, varying={"layers": _DEPTH}),
)
FAMILIES = {family.name: family for family in _ALL}
COMPARED = tuple(name for name in FAMILIES if name != BASELINE)
ABLATION_FAMILIES = tuple(name for name in FAMILIES if FAMILIES[name].has_ablation)

DEFAULT_SETTINGS = {"lr": 5e-3, "batch_size": 50, "warmup": 50, "weight_decay": 0.1}
"""The settings of training of all models, where they differ from those of `fit`."""
BASELINE_SETTINGS: dict[str, Any] = {
    "updates": 1, "optimiser": "sgd", "lr": 1e-12, "weight_decay": 0.0, "warmup": 0,
}  # fmt: skip
"""The settings of the baseline, which make a run without training: one update, too small to change its NLL."""
RESERVED_SETTINGS = ("epochs", "updates", "seed")
"""The settings of training that follow from the options of the comparison."""


def names_for(domain: Domain, requested: Sequence[str] | None) -> tuple[str, ...]:
    """Return the families to compare in their usual order: the requested ones, or all that take such data.

    Raises:
        ChainruleError: an unknown name, or no name.
    """
    if requested is None:
        return tuple(name for name in COMPARED if domain.is_image or not FAMILIES[name].needs_images)
    for name in requested:
        if name not in COMPARED:
            raise ChainruleError(f"there is no model {name!r} to compare; there are {', '.join(COMPARED)}")
    if not requested:
        raise ChainruleError(f"no models are named; there are {', '.join(COMPARED)}")
    return tuple(name for name in COMPARED if name in requested)


def settings_for(name: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of training of a family: the default settings, replaced by the chosen ones."""
    return {**DEFAULT_SETTINGS, **chosen, **(BASELINE_SETTINGS if name == BASELINE else {})}
