"""The models, one file each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.models.base import AutoregressiveModel, Density
from chainrule.models.ensemble import Ensemble
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN


@dataclass(frozen=True)
class Named:
    """A model under a name: its class, and the arguments that the name fixes."""

    name: str
    make: type[AutoregressiveModel]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, domain: Domain, **arguments: Any) -> AutoregressiveModel:
        """A model of the class.

        Raises:
            ChainruleError: arguments that it does not take.
        """
        try:
            return self.make(domain, **self.fixed, **arguments)
        except (TypeError, OverflowError) as error:
            reason = str(error).split("\n")[0]
            raise ChainruleError(f"{self.name} does not take these options ({reason})") from None


_ALL = (
    Named("independent", Independent),
    Named("made", MADE),
    Named("pixelcnn", PixelCNN),
    Named("row-lstm", PixelRNN, {"cell": "row", "full_context": False}),
    Named("diagonal-bilstm", PixelRNN, {"cell": "diagonal"}),
)
BY_NAME = {named.name: named for named in _ALL}
"""The models under their names on the command line."""

__all__ = [
    "BY_NAME",
    "MADE",
    "AutoregressiveModel",
    "Density",
    "Ensemble",
    "Independent",
    "Named",
    "PixelCNN",
    "PixelRNN",
]
