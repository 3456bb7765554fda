"""Training: `fit`, its settings, and what a run leaves on disk."""

from chainrule.training.fit import fit
from chainrule.training.history import History
from chainrule.training.processes import is_first
from chainrule.training.settings import Settings
from chainrule.training.state import SEEN

__all__ = ["SEEN", "History", "Settings", "fit", "is_first"]
