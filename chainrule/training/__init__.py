"""Training: `fit`, its settings, and what a run leaves on disk."""

from chainrule.training.fit import fit
from chainrule.training.history import EpochMetrics, History
from chainrule.training.process_group import ProcessGroup, is_first_process, join_process_group
from chainrule.training.run_folder import FINGERPRINTS
from chainrule.training.settings import Settings, as_settings
from chainrule.training.trainer import LoopState, Trainer

__all__ = [
    "FINGERPRINTS",
    "EpochMetrics",
    "History",
    "LoopState",
    "ProcessGroup",
    "Settings",
    "Trainer",
    "as_settings",
    "fit",
    "is_first_process",
    "join_process_group",
]
