"""Questions that a density answers: evaluate, sample, complete and impute, given any evidence."""

from chainrule.inference.complete import complete
from chainrule.inference.conditioning import check_evidence, condition_for_draws, group_by_density
from chainrule.inference.evaluate import Evaluation, compute_log_probs, evaluate
from chainrule.inference.imputation import Imputation
from chainrule.inference.impute import impute
from chainrule.inference.particles import PARTICLES, CollapseWarning, Particles, run_smc
from chainrule.inference.regions import image_region
from chainrule.inference.sample import sample

__all__ = [
    "PARTICLES",
    "CollapseWarning",
    "Evaluation",
    "Imputation",
    "Particles",
    "check_evidence",
    "complete",
    "compute_log_probs",
    "condition_for_draws",
    "evaluate",
    "group_by_density",
    "image_region",
    "impute",
    "run_smc",
    "sample",
]
