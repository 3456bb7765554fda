"""The conditional distributions p(x_i | x_<i), all of them in one object in the manner of torch.distributions."""

from chainrule.distributions.column_conditionals import ColumnConditionals
from chainrule.distributions.discrete import Conditionals
from chainrule.distributions.distribution import Distributions, check_temperature
from chainrule.distributions.logistic_mixture import (
    MAX_EXACT_INTEGER,
    NUM_COMPONENTS,
    NUM_PARAMS,
    LogisticMixture,
    NumericKind,
    Standardization,
)

__all__ = [
    "MAX_EXACT_INTEGER",
    "NUM_COMPONENTS",
    "NUM_PARAMS",
    "ColumnConditionals",
    "Conditionals",
    "Distributions",
    "LogisticMixture",
    "NumericKind",
    "Standardization",
    "check_temperature",
]
