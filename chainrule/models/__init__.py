"""The models, one file each, and the contract that they fulfil."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.domains import Domain
from chainrule.errors import ChainruleError
from chainrule.models.autoregressive import AutoregressiveModel
from chainrule.models.density import Density, as_density, observed_mask, sum_sites
from chainrule.models.ensemble import Ensemble
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN


@dataclass(frozen=True)
class NamedModel:
    """A model class under a name, and the arguments that the name fixes."""

    name: str
    model_class: type[AutoregressiveModel]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, domain: Domain, **arguments: Any) -> AutoregressiveModel:
        """Make a model of the class.

        Raises:
            ChainruleError: arguments that the class does not take.
        """
        try:
            return self.model_class(domain, **self.fixed, **arguments)
        except (TypeError, OverflowError) as error:
            reason = str(error).split("\n")[0]
            raise ChainruleError(f"{self.name} does not take these options ({reason})") from None


_NAMED = (
    NamedModel("independent", Independent),
    NamedModel("made", MADE),
    NamedModel("pixelcnn", PixelCNN),
    NamedModel("row-lstm", PixelRNN, {"cell": "row", "full_context": False}),
    NamedModel("diagonal-bilstm", PixelRNN, {"cell": "diagonal"}),
)
BY_NAME = {named.name: named for named in _NAMED}
"""The models by name, as the command line calls them."""

__all__ = [
    "BY_NAME",
    "MADE",
    "AutoregressiveModel",
    "Density",
    "Ensemble",
    "Independent",
    "NamedModel",
    "PixelCNN",
    "PixelRNN",
    "as_density",
    "observed_mask",
    "sum_sites",
]
