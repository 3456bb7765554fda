"""Every model in every odd shape, by name: the laws, and whatever else holds for all models, run through all of these.

Most domains are small enough to enumerate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chainrule.domain import Binary, Levels
from chainrule.models.base import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.order import shuffled

five, image, colour = Binary((5,)), Binary((1, 3, 4)), Binary((3, 2, 2))

ZOO: dict[str, Callable[[], AutoregressiveModel]] = {
    "independent": partial(Independent, Binary((2, 3))),
    "independent, 3 levels": partial(Independent, Levels((4,), 3)),
    "independent, colour": partial(Independent, colour),
    "made": partial(MADE, five, hidden=(16,)),
    "made, 2 hidden layers": partial(MADE, five, hidden=(12, 12), seed=1),
    "made, 3 hidden layers": partial(MADE, five, hidden=(12, 10, 8), seed=2),
    "made, no hidden layer": partial(MADE, five, hidden=()),
    "made, no hidden layer, direct": partial(MADE, five, hidden=(), direct=True),
    "made, narrow": partial(MADE, five, hidden=(1, 3)),
    "made, narrower above": partial(MADE, five, hidden=(7, 1)),
    "made, direct": partial(MADE, five, hidden=(9, 9), direct=True),
    "made, reversed": partial(MADE, five, hidden=(16,), order=range(4, -1, -1)),
    "made, shuffled": partial(MADE, image, hidden=(24,), order=shuffled(image, 1)),
    "made, shuffled, direct, levels": partial(
        MADE, Levels((2, 2), 5), hidden=(16, 16), order=(3, 0, 2, 1), direct=True
    ),
    "made, 1 site": partial(MADE, Binary((1,)), hidden=(4, 4)),
    "made, 1 site, direct, levels": partial(MADE, Levels((1, 1, 1), 7), hidden=(3,), direct=True),
    "made, 2 sites": partial(MADE, Binary((2,)), hidden=(1,)),
    "made, 256 levels": partial(MADE, Levels((2,), 256), hidden=(8,)),
    "made, colour": partial(MADE, colour, hidden=(30,)),
    "made, 60 sites": partial(MADE, Binary((60,)), hidden=(40, 40)),
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
}
