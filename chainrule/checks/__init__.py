"""The laws of autoregressive models, and a check of each law that says what it tested.

`check_model` checks all laws on a model of this library's contract, `check_leak` the first law on any callable.
"""

from __future__ import annotations

from chainrule.checks.autoregressive_property import check_autoregressive_property
from chainrule.checks.batch_independence import check_batch_independence
from chainrule.checks.callable_adapter import FLAT_LAYOUTS, LAYOUTS, SCALES
from chainrule.checks.check_report import CheckReport, Finding
from chainrule.checks.dependence import Dependence, measure_dependence
from chainrule.checks.leak_check import ORDERS, check_leak
from chainrule.checks.leak_report import LeakReport
from chainrule.checks.model_check import NUM_CHECKS, check_model
from chainrule.checks.normalization import TOTAL_TOLERANCE, check_normalization
from chainrule.checks.receptive_field_check import check_receptive_field, measure_jacobian
from chainrule.checks.sample_frequencies import check_sample_frequencies
from chainrule.checks.sampler_check import check_sampler
from chainrule.checks.save_load import check_save_load

__all__ = [
    "FLAT_LAYOUTS",
    "LAYOUTS",
    "NUM_CHECKS",
    "ORDERS",
    "SCALES",
    "TOTAL_TOLERANCE",
    "CheckReport",
    "Dependence",
    "Finding",
    "LeakReport",
    "check_autoregressive_property",
    "check_batch_independence",
    "check_leak",
    "check_model",
    "check_normalization",
    "check_receptive_field",
    "check_sample_frequencies",
    "check_sampler",
    "check_save_load",
    "measure_dependence",
    "measure_jacobian",
]
