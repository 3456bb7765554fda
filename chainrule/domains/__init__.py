"""Domains: the shape of a datum, the values of its sites, and the orders of the sites."""

from chainrule.domains.column import NUM_QUANTILES, NUMERIC_KINDS, Column, Kind, Level
from chainrule.domains.domain import ArrayLike, Domain, as_tensor, channel_name, domain_from_dict
from chainrule.domains.encoding import encode_as
from chainrule.domains.grids import MAX_LEVELS, Binary, Grid, Levels
from chainrule.domains.orders import (
    SIDES,
    Order,
    Orientation,
    Side,
    as_order,
    as_orientation,
    natural,
    raster,
    shuffled,
)
from chainrule.domains.table import Table

__all__ = [
    "MAX_LEVELS",
    "NUMERIC_KINDS",
    "NUM_QUANTILES",
    "SIDES",
    "ArrayLike",
    "Binary",
    "Column",
    "Domain",
    "Grid",
    "Kind",
    "Level",
    "Levels",
    "Order",
    "Orientation",
    "Side",
    "Table",
    "as_order",
    "as_orientation",
    "as_tensor",
    "channel_name",
    "domain_from_dict",
    "encode_as",
    "natural",
    "raster",
    "shuffled",
]
