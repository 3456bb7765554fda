"""The distributions p(x_i | x_<i), of all sites or of one group, as one object in the manner of torch.distributions."""

from chainrule.conditionals.base import Distributions
from chainrule.conditionals.columns import Columns
from chainrule.conditionals.discrete import Conditionals
from chainrule.conditionals.mixture import Mixture

__all__ = ["Columns", "Conditionals", "Distributions", "Mixture"]
