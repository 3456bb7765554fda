"""What a datum is: the values of each of its sites, and the distributions that a network's numbers stand for."""

from chainrule.domain.base import Domain, channel_name, domain_from_dict
from chainrule.domain.levels import MAX_LEVELS, Binary, Grid, Levels
from chainrule.domain.table import Column, Table

__all__ = ["MAX_LEVELS", "Binary", "Column", "Domain", "Grid", "Levels", "Table", "channel_name", "domain_from_dict"]
