"""The distributions p(x_i | x_<i), of all sites or of one group, as one object in the manner of torch.distributions."""

from chainrule.distributions.columns import Columns
from chainrule.distributions.discrete import Conditionals
from chainrule.distributions.distribution import Distributions
from chainrule.distributions.mixture import Mixture

__all__ = ["Columns", "Conditionals", "Distributions", "Mixture"]
