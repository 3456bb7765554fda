"""chainrule: deep autoregressive density models, p(x) = ∏ p(x_i | x_<i), exactly.

The public names below are imported when they are first used, so that the command line starts without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.version import __version__

if TYPE_CHECKING:
    from chainrule.checkpoint import load as load
    from chainrule.checkpoint import save as save
    from chainrule.checks import check_leak as check_leak
    from chainrule.checks import check_model as check_model
    from chainrule.data import Data as Data
    from chainrule.data import load_data as load_data
    from chainrule.distributions import Conditionals as Conditionals
    from chainrule.domains import Binary as Binary
    from chainrule.domains import Column as Column
    from chainrule.domains import Levels as Levels
    from chainrule.domains import Table as Table
    from chainrule.domains.orders import Order as Order
    from chainrule.errors import ChainruleError as ChainruleError
    from chainrule.errors import TrainingStopped as TrainingStopped
    from chainrule.inference.complete import complete as complete
    from chainrule.inference.evaluate import evaluate as evaluate
    from chainrule.inference.impute import impute as impute
    from chainrule.inference.particles import CollapseWarning as CollapseWarning
    from chainrule.inference.point_estimates import mean as mean
    from chainrule.inference.point_estimates import most_likely as most_likely
    from chainrule.inference.sample import sample as sample
    from chainrule.models import MADE as MADE
    from chainrule.models import AutoregressiveModel as AutoregressiveModel
    from chainrule.models import Density as Density
    from chainrule.models import Ensemble as Ensemble
    from chainrule.models import Independent as Independent
    from chainrule.models import PixelCNN as PixelCNN
    from chainrule.models import PixelRNN as PixelRNN
    from chainrule.training import fit as fit

_HOMES = {
    "checkpoint": ["load", "save"],
    "distributions": ["Conditionals"],
    "data": ["Data", "load_data"],
    "domains": ["Binary", "Column", "Levels", "Table"],
    "errors": ["ChainruleError", "TrainingStopped"],
    "checks": ["check_leak", "check_model"],
    "models": ["MADE", "AutoregressiveModel", "Density", "Ensemble", "Independent", "PixelCNN", "PixelRNN"],
    "domains.orders": ["Order"],
    "inference.particles": ["CollapseWarning"],
    "inference.complete": ["complete"],
    "inference.evaluate": ["evaluate"],
    "inference.impute": ["impute"],
    "inference.sample": ["sample"],
    "training": ["fit"],
    "inference.point_estimates": ["mean", "most_likely"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    return getattr(import_module(f"chainrule.{_HOME_OF[name]}"), name)
