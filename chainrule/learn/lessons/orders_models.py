"""The data and models of the lesson on orders; each model is trained on first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.data import Split, load_data
from chainrule.domains import Binary, Order, Orientation, raster, shuffled
from chainrule.models.made import MADE, Agnostic
from chainrule.models.pixelcnn import PixelCNN
from chainrule.training import fit

UPDATES: dict[str, Any] = {
    "batch_size": 80, "lr": 0.02, "warmup": 20, "ema": 0.99, "precision": "float32", "progress": False,
}  # fmt: skip
"""Settings of the training; float32, because not every machine supports bfloat16."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Hold scikit-learn's digits of 8×8 binary pixels, and models of them.

    Attributes:
        train: training digits [n, 1, 8, 8].
        test: test digits [n, 1, 8, 8].
    """

    train: Tensor
    test: Tensor
    domain: ClassVar[Binary] = Binary((1, 8, 8))

    @classmethod
    def load(cls) -> Digits:
        data = load_data("digits", binarize="threshold")
        return cls(_values(data.train), _values(data.test))

    @cached_property
    def pixelcnn(self) -> PixelCNN:
        model = PixelCNN(self.domain, blocks=2, features=24, position_bias=True)
        fit(model, self.train, epochs=6, **{**UPDATES, "batch_size": 50, "lr": 0.03, "weight_decay": 0.3})
        return model

    @cached_property
    def orders(self) -> dict[str, Order]:
        """Return four orders by name."""
        middle = torch.zeros(self.domain.shape, dtype=torch.bool)
        middle[:, 2:6, 2:6] = True
        return {
            "by rows": raster(self.domain),
            "by columns": Orientation("left").order(self.domain),
            "random": shuffled(self.domain, seed=0),
            "middle first": raster(self.domain).with_first(middle.flatten()),
        }

    @cached_property
    def fixed(self) -> dict[str, MADE]:
        """Return one trained MADE for each order."""
        return {name: self._made(order=order) for name, order in self.orders.items()}

    @cached_property
    def families(self) -> dict[Agnostic, MADE]:
        """Return a MADE for all orders, one for all connectivities, and one for both."""
        kinds: tuple[Agnostic, ...] = ("order", "connectivity", "both")
        return {agnostic: self._made(agnostic=agnostic) for agnostic in kinds}

    @cached_property
    def large_family(self) -> MADE:
        """Return a wider MADE for all orders, trained for longer."""
        return self._made(agnostic="order", hidden=200, epochs=12)

    def _made(
        self, order: Order | None = None, agnostic: Agnostic | None = None, hidden: int = 100, epochs: int = 6
    ) -> MADE:
        model = MADE(self.domain, hidden=(hidden,), direct_connections=True, order=order, agnostic=agnostic)
        fit(model, self.train, epochs=epochs, **UPDATES)
        return model


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Hold digits of 4×3 binary pixels, and models of them; all possible images can be listed.

    Attributes:
        train: training digits [n, 1, 4, 3].
        test: test digits [n, 1, 4, 3].
    """

    train: Tensor
    test: Tensor
    domain: ClassVar[Binary] = Binary((1, 4, 3))

    @classmethod
    def shrink_digits(cls, digits: Digits) -> Thumbnails:
        """Return the digits at a smaller size."""
        return cls(shrink(digits.train), shrink(digits.test))

    @cached_property
    def model(self) -> MADE:
        """Return a MADE in raster order."""
        return self._trained(None)

    @cached_property
    def family(self) -> MADE:
        """Return a MADE for all orders and connectivities."""
        return self._trained("both")

    def _trained(self, agnostic: Agnostic | None) -> MADE:
        model = MADE(self.domain, hidden=(64,), direct_connections=True, agnostic=agnostic)
        fit(model, self.train, epochs=6, **UPDATES)
        return model


def shrink(x: Tensor) -> Tensor:
    """Return images [n, 1, 4, 3]: a pixel is 1 if two of its 2×2 pixels are; the outermost columns are cropped."""
    return (F.avg_pool2d(x[..., 1:7].double(), 2) >= 0.5).long()


def _values(split: Split | None) -> Tensor:
    assert split is not None, "these data come with all of their splits"
    return split.values()
