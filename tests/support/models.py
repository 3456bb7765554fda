"""Construct every model in every unusual shape, for tests of properties that hold for all models.

Most domains are small enough to enumerate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from chainrule.domains import Binary, Column, Levels, Table, shuffled
from chainrule.models import AutoregressiveModel, Density
from chainrule.models.ensemble import Ensemble
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator

NUM_QUANTILES = range(32)
weather = Column("weather", "categorical", ("dry", "rain", "snow"))
late = Column("late", "binary", (False, True))
same = Column("same", "categorical", ("yes",))
age = Column("age", "count", quantiles=[2 * k for k in NUM_QUANTILES])
gain = Column("gain", "count", quantiles=[*[0] * 29, 300, 700, 9999])
change = Column("change", "integer", quantiles=[k - 20 for k in NUM_QUANTILES])
large = Column("large", "integer", quantiles=[2.0**50 + k for k in NUM_QUANTILES])
size = Column("size", "real", quantiles=[(k / 8 - 2) ** 3 for k in NUM_QUANTILES], resolution=0.01)
few, mixed = (
    Table([weather, late, same, Column("then", "categorical", ("dry", "wet"))]),
    Table([size, weather, age, late, gain, change]),
)
five, image, colour = Binary((5,)), Binary((1, 3, 4)), Binary((3, 2, 2))

ZOO: dict[str, Callable[[], AutoregressiveModel]] = {
    "independent": partial(Independent, Binary((2, 3))),
    "independent, 3 levels": partial(Independent, Levels((4,), 3)),
    "independent, colour": partial(Independent, colour),
    "made": partial(MADE, five, hidden=(16,)),
    "made, 2 hidden layers": partial(MADE, five, hidden=(12, 12), seed=1),
    "made, 3 hidden layers": partial(MADE, five, hidden=(12, 10, 8), seed=2),
    "made, no hidden layer": partial(MADE, five, hidden=()),
    "made, no hidden layer, direct": partial(MADE, five, hidden=(), direct_connections=True),
    "made, narrow": partial(MADE, five, hidden=(1, 3)),
    "made, narrower above": partial(MADE, five, hidden=(7, 1)),
    "made, direct": partial(MADE, five, hidden=(9, 9), direct_connections=True),
    "made, reversed": partial(MADE, five, hidden=(16,), order=range(4, -1, -1)),
    "made, shuffled": partial(MADE, image, hidden=(24,), order=shuffled(image, seed=1)),
    "made, shuffled, direct, levels": partial(
        MADE, Levels((2, 2), 5), hidden=(16, 16), order=(3, 0, 2, 1), direct_connections=True
    ),
    "made, 1 site": partial(MADE, Binary((1,)), hidden=(4, 4)),
    "made, 1 site, direct, levels": partial(MADE, Levels((1, 1, 1), 7), hidden=(3,), direct_connections=True),
    "made, 2 sites": partial(MADE, Binary((2,)), hidden=(1,)),
    "made, 256 levels": partial(MADE, Levels((2,), 256), hidden=(8,)),
    "made, colour": partial(MADE, colour, hidden=(30,)),
    "made, 60 sites": partial(MADE, Binary((60,)), hidden=(40, 40)),
    "made, member of any order": lambda: MADE(image, hidden=(24,), agnostic="order").member(shuffled(image, seed=3)),
    "made, member of both, direct": lambda: MADE(five, hidden=(9, 9), direct_connections=True, agnostic="both").members(
        2
    )[1],
    "made, member of a cycle": lambda: MADE(Levels((4,), 3), hidden=(9,), agnostic="both", num_masks=3).members(3)[2],
    "made, a family itself": partial(MADE, five, hidden=(9,), agnostic="connectivity"),
    "independent, table": partial(Independent, mixed),
    "made, table of levels": partial(MADE, few, hidden=(16,), order=(3, 1, 0, 2)),
    "made, mixed table": partial(MADE, mixed, hidden=(24,)),
    "made, mixed table, shuffled, direct": partial(
        MADE, mixed, hidden=(20, 20), order=(4, 2, 0, 5, 1, 3), direct_connections=True
    ),
    "made, mixed table, member": lambda: MADE(mixed, hidden=(24,), agnostic="both").member((5, 0, 3, 1, 4, 2), 7),
    "made, one real column": partial(MADE, Table([size]), hidden=(8,)),
    "made, large numbers": partial(MADE, Table([large, late]), hidden=(8,), order=(1, 0)),
    "pixelcnn 1x1": partial(PixelCNN, Binary((1, 1, 1)), blocks=1, features=4),
    "pixelcnn 1x5": partial(PixelCNN, Binary((1, 1, 5)), blocks=2, features=4),
    "pixelcnn 5x1": partial(PixelCNN, Binary((1, 5, 1)), blocks=2, features=4),
    "pixelcnn 3x3": partial(PixelCNN, Binary((1, 3, 3)), blocks=2, features=4),
    "pixelcnn 3x4, position bias": partial(PixelCNN, image, blocks=2, features=4, position_bias=True),
    "pixelcnn 5x7": partial(PixelCNN, Binary((1, 5, 7)), blocks=3, features=4),
    "pixelcnn 2x20": partial(PixelCNN, Binary((1, 2, 20)), blocks=1, features=4),
    "pixelcnn, no blocks": partial(PixelCNN, Binary((1, 3, 3)), blocks=0, features=4),
    "pixelcnn, 1 feature": partial(PixelCNN, Binary((1, 3, 3)), blocks=2, features=1),
    "pixelcnn 2x3, 3 levels": partial(PixelCNN, Levels((1, 2, 3), 3), blocks=1, features=4),
    "pixelcnn 3x1, 17 levels, position bias": partial(
        PixelCNN, Levels((1, 3, 1), 17), blocks=1, features=3, position_bias=True
    ),
    "pixelcnn 1x2, 256 levels": partial(PixelCNN, Levels((1, 1, 2), 256), blocks=1, features=2),
    "pixelcnn 3x5, 256 levels": partial(PixelCNN, Levels((1, 3, 5), 256), blocks=2, features=4),
    "pixelcnn 2x2, colour": partial(PixelCNN, colour, blocks=2, features=6),
    "pixelcnn 1x3, colour, 3 levels": partial(PixelCNN, Levels((3, 1, 3), 3), blocks=1, features=6),
    "pixelcnn 2x2, colour, uneven groups": partial(PixelCNN, colour, blocks=1, features=5, position_bias=True),
    "pixelcnn 2x2, colour, 3 features": partial(PixelCNN, colour, blocks=1, features=3),
    "pixelcnn 2x3, 2 channels": partial(PixelCNN, Binary((2, 2, 3)), blocks=1, features=4),
    "pixelcnn 4x3, colour, 256 levels": partial(PixelCNN, Levels((3, 4, 3), 256), blocks=1, features=6),
    "pixelcnn 1x4, 4 levels": partial(PixelCNN, Levels((1, 1, 4), 4), blocks=1, features=2),
    "pixelcnn 3x1, colour": partial(PixelCNN, Binary((3, 3, 1)), blocks=1, features=6),
    "pixelcnn 1x1, colour, 4 levels": partial(PixelCNN, Levels((3, 1, 1), 4), blocks=1, features=3),
    "pixelcnn 5x7, colour, 4 levels": partial(PixelCNN, Levels((3, 5, 7), 4), blocks=2, features=6),
    "pixelcnn 3x4, from the bottom": partial(PixelCNN, image, blocks=1, features=3, position_bias=True, order="bottom"),
    "pixelcnn 3x4, from the left": partial(PixelCNN, image, blocks=1, features=3, position_bias=True, order="left"),
    "pixelcnn 2x3, colour, from the right": partial(
        PixelCNN, Levels((3, 2, 3), 4), blocks=1, features=6, order="right"
    ),
    "row 3x4, from the left": partial(PixelRNN, image, "row", layers=2, features=3, order="left"),
    "row 2x2, colour, from the bottom": partial(PixelRNN, colour, "row", layers=1, features=6, order="bottom"),
    "diagonal 4x3, from the right, full context": partial(
        PixelRNN, Binary((1, 4, 3)), "diagonal", layers=1, features=4, full_context=True, order="right"
    ),
    "row 1x1": partial(PixelRNN, Binary((1, 1, 1)), "row", layers=1, features=3),
    "row 1x5": partial(PixelRNN, Binary((1, 1, 5)), "row", layers=2, features=4),
    "row 5x1": partial(PixelRNN, Binary((1, 5, 1)), "row", layers=2, features=4),
    "row 3x4, position bias": partial(PixelRNN, image, "row", layers=2, features=4, position_bias=True),
    "row 5x7": partial(PixelRNN, Binary((1, 5, 7)), "row", layers=3, features=4),
    "row 12x3": partial(PixelRNN, Binary((1, 12, 3)), "row", layers=1, features=3),
    "row, no layers": partial(PixelRNN, Binary((1, 3, 3)), "row", layers=0, features=3),
    "row, no residual": partial(PixelRNN, Binary((1, 3, 3)), "row", layers=2, features=3, residual=False),
    "row, skip": partial(PixelRNN, Binary((1, 3, 3)), "row", layers=2, features=3, skip=True),
    "row, skip, no residual": partial(
        PixelRNN, Binary((1, 3, 3)), "row", layers=2, features=3, residual=False, skip=True
    ),
    "row 1x4, 4 levels": partial(PixelRNN, Levels((1, 1, 4), 4), "row", layers=1, features=2),
    "row 5x7, 4 levels": partial(PixelRNN, Levels((1, 5, 7), 4), "row", layers=2, features=4),
    "row 2x1, 256 levels": partial(PixelRNN, Levels((1, 2, 1), 256), "row", layers=1, features=2),
    "row 2x2, colour": partial(PixelRNN, colour, "row", layers=2, features=6),
    "row 1x1, colour, 4 levels": partial(PixelRNN, Levels((3, 1, 1), 4), "row", layers=1, features=3),
    "row 2x2, colour, uneven groups": partial(PixelRNN, colour, "row", layers=2, features=5, skip=True),
    "row 5x7, colour, 4 levels": partial(PixelRNN, Levels((3, 5, 7), 4), "row", layers=2, features=6),
    "row 3x2, colour, 256 levels": partial(PixelRNN, Levels((3, 3, 2), 256), "row", layers=1, features=4),
    "diagonal 1x1": partial(PixelRNN, Binary((1, 1, 1)), "diagonal", layers=1, features=3),
    "diagonal 1x1, full context": partial(
        PixelRNN, Binary((1, 1, 1)), "diagonal", layers=1, features=3, full_context=True
    ),
    "diagonal 1x5": partial(PixelRNN, Binary((1, 1, 5)), "diagonal", layers=2, features=4),
    "diagonal 5x1, full context": partial(
        PixelRNN, Binary((1, 5, 1)), "diagonal", layers=2, features=4, full_context=True
    ),
    "diagonal 3x4, position bias": partial(PixelRNN, image, "diagonal", layers=2, features=4, position_bias=True),
    "diagonal 4x3, full context": partial(
        PixelRNN, Binary((1, 4, 3)), "diagonal", layers=1, features=4, full_context=True
    ),
    "diagonal 4x3, full context, position bias": partial(
        PixelRNN, Binary((1, 4, 3)), "diagonal", layers=2, features=3, full_context=True, position_bias=True
    ),
    "diagonal 2x3, colour, from the left, full context, position bias": partial(
        PixelRNN,
        Levels((3, 2, 3), 4),
        "diagonal",
        layers=1,
        features=4,
        full_context=True,
        position_bias=True,
        order="left",
    ),
    "diagonal 5x7": partial(PixelRNN, Binary((1, 5, 7)), "diagonal", layers=3, features=4),
    "diagonal 2x13, full context": partial(
        PixelRNN, Binary((1, 2, 13)), "diagonal", layers=1, features=3, full_context=True
    ),
    "diagonal, no layers": partial(PixelRNN, Binary((1, 3, 3)), "diagonal", layers=0, features=3),
    "diagonal, skip, no residual": partial(
        PixelRNN, Binary((1, 3, 3)), "diagonal", layers=2, features=3, residual=False, skip=True
    ),
    "diagonal 1x4, 4 levels": partial(PixelRNN, Levels((1, 1, 4), 4), "diagonal", layers=1, features=2),
    "diagonal 5x7, 4 levels": partial(PixelRNN, Levels((1, 5, 7), 4), "diagonal", layers=2, features=4),
    "diagonal 2x1, 256 levels": partial(PixelRNN, Levels((1, 2, 1), 256), "diagonal", layers=1, features=2),
    "diagonal 2x2, colour": partial(PixelRNN, colour, "diagonal", layers=2, features=6),
    "diagonal 1x1, colour, 4 levels": partial(PixelRNN, Levels((3, 1, 1), 4), "diagonal", layers=1, features=3),
    "diagonal 2x2, colour, uneven groups, full context": partial(
        PixelRNN, colour, "diagonal", layers=2, features=5, full_context=True, skip=True
    ),
    "diagonal 5x7, colour, 4 levels": partial(
        PixelRNN, Levels((3, 5, 7), 4), "diagonal", layers=2, features=6, full_context=True
    ),
    "diagonal 3x2, colour, 256 levels": partial(PixelRNN, Levels((3, 3, 2), 256), "diagonal", layers=1, features=4),
}


ENSEMBLES: dict[str, Callable[[], Density]] = {
    "of one": lambda: Ensemble([MADE(five, hidden=(8,))]),
    "of members": lambda: Ensemble(MADE(five, hidden=(8, 8), direct_connections=True, agnostic="both").members(4)),
    "of a cycle, levels": lambda: Ensemble(
        MADE(Levels((2, 2), 5), hidden=(9,), agnostic="order", num_masks=3).members(3)
    ),
    "of two kinds": lambda: Ensemble([MADE(image, order=shuffled(image)), PixelCNN(image, blocks=1, features=3)]),
    "of two sides": lambda: Ensemble([PixelCNN(image, blocks=1, features=3, order=side) for side in ("top", "left")]),
    "of ensembles": lambda: Ensemble([Independent(five), Ensemble(MADE(five, agnostic="connectivity").members(3))]),
    "of a table": lambda: Ensemble([Independent(few), *MADE(few, hidden=(9,), agnostic="both").members(2)]),
    "of a mixed table": lambda: Ensemble(MADE(mixed, hidden=(9,), agnostic="both").members(3)),
    "colour, 256 levels": lambda: Ensemble(
        [
            PixelCNN(Levels((3, 1, 2), 256), blocks=1, features=3),
            PixelRNN(Levels((3, 1, 2), 256), "row", layers=1, features=3),
        ]
    ),
}
"""Constructors of densities without an order of their own."""


def random_rows(model: Density, n: int, missing: float = 0.0, seed: int = 0) -> torch.Tensor:
    """Return random rows of the table of a model, with this share of their values missing (NaN)."""
    x = model.domain.random_data(n, generator(seed))
    return torch.where(torch.rand(x.shape, generator=generator(seed, 1)) < missing, torch.nan, x)
