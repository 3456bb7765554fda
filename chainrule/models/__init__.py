"""The models, one file each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.domain import Domain
from chainrule.models.base import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN


@dataclass(frozen=True)
class Named:
    """A model under a name: its class, and the arguments that the name fixes."""

    make: type[AutoregressiveModel]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, domain: Domain, **arguments: Any) -> AutoregressiveModel:
        return self.make(domain, **self.fixed, **arguments)


BY_NAME: dict[str, Named] = {
    "independent": Named(Independent),
    "made": Named(MADE),
    "pixelcnn": Named(PixelCNN),
    "row-lstm": Named(PixelRNN, {"cell": "row", "full_context": False}),
    "diagonal-bilstm": Named(PixelRNN, {"cell": "diagonal"}),
}
"""The models under their names on the command line."""

__all__ = ["BY_NAME", "MADE", "AutoregressiveModel", "Independent", "Named", "PixelCNN", "PixelRNN"]
