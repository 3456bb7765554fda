"""Training: `fit`, its settings, and what a run leaves on disk."""

from chainrule.training.fit import fit
from chainrule.training.history import History
from chainrule.training.settings import Settings

__all__ = ["History", "Settings", "fit"]
