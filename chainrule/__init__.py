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
    from chainrule.conditionals import Conditionals as Conditionals
    from chainrule.data import Data as Data
    from chainrule.data import load_data as load_data
    from chainrule.domain import Binary as Binary
    from chainrule.domain import Column as Column
    from chainrule.domain import Levels as Levels
    from chainrule.domain import Table as Table
    from chainrule.errors import ChainruleError as ChainruleError
    from chainrule.errors import TrainingStopped as TrainingStopped
    from chainrule.laws import check_leak as check_leak
    from chainrule.laws import check_model as check_model
    from chainrule.models import MADE as MADE
    from chainrule.models import AutoregressiveModel as AutoregressiveModel
    from chainrule.models import Density as Density
    from chainrule.models import Ensemble as Ensemble
    from chainrule.models import Independent as Independent
    from chainrule.models import PixelCNN as PixelCNN
    from chainrule.models import PixelRNN as PixelRNN
    from chainrule.order import Order as Order
    from chainrule.particles import CollapseWarning as CollapseWarning
    from chainrule.tasks.complete import complete as complete
    from chainrule.tasks.evaluate import evaluate as evaluate
    from chainrule.tasks.impute import impute as impute
    from chainrule.tasks.sample import sample as sample
    from chainrule.training import fit as fit
    from chainrule.typical import mean as mean
    from chainrule.typical import most_likely as most_likely

_HOMES = {
    "checkpoint": ["load", "save"],
    "conditionals": ["Conditionals"],
    "data": ["Data", "load_data"],
    "domain": ["Binary", "Column", "Levels", "Table"],
    "errors": ["ChainruleError", "TrainingStopped"],
    "laws": ["check_leak", "check_model"],
    "models": ["MADE", "AutoregressiveModel", "Density", "Ensemble", "Independent", "PixelCNN", "PixelRNN"],
    "order": ["Order"],
    "particles": ["CollapseWarning"],
    "tasks.complete": ["complete"],
    "tasks.evaluate": ["evaluate"],
    "tasks.impute": ["impute"],
    "tasks.sample": ["sample"],
    "training": ["fit"],
    "typical": ["mean", "most_likely"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    return getattr(import_module(f"chainrule.{_HOME_OF[name]}"), name)
