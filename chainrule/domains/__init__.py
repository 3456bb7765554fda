"""What a datum is: the values of each of its sites, and the distributions that a network's numbers stand for."""

from chainrule.domains.domain import Domain, channel_name, domain_from_dict
from chainrule.domains.grids import MAX_LEVELS, Binary, Grid, Levels
from chainrule.domains.table import Column, Table

__all__ = ["MAX_LEVELS", "Binary", "Column", "Domain", "Grid", "Levels", "Table", "channel_name", "domain_from_dict"]
