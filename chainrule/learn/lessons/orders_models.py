"""The models of the lesson on orders: small, and each trained when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.data import Split, load_data
from chainrule.domains import Binary
from chainrule.domains.orders import Order, Turn, raster, shuffled
from chainrule.models.made import MADE, Agnostic
from chainrule.models.pixelcnn import PixelCNN
from chainrule.training import fit

UPDATES: dict[str, Any] = {
    "batch_size": 80, "lr": 0.02, "warmup": 20, "ema": 0.99, "precision": "float32", "progress": False,
}  # fmt: skip
"""How they are trained; float32, since bfloat16 is not on every machine."""


@dataclass(frozen=True, eq=False)
class Digits:
    """scikit-learn's digits of 8×8 pixels, black and white, and models of them.

    Attributes:
        train, test: [n, 1, 8, 8].
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
        """Some of them, by name."""
        middle = torch.zeros(self.domain.shape, dtype=torch.bool)
        middle[:, 2:6, 2:6] = True
        return {
            "by rows": raster(self.domain),
            "by columns": Turn("left").order(self.domain),
            "random": shuffled(self.domain, 0),
            "middle first": raster(self.domain).first(middle.flatten()),
        }

    @cached_property
    def fixed(self) -> dict[str, MADE]:
        """One MADE for each order, trained alike."""
        return {name: self._made(order=order) for name, order in self.orders.items()}

    @cached_property
    def families(self) -> dict[Agnostic, MADE]:
        """A MADE trained for all orders, one for all connectivities, one for both; like those of one order."""
        kinds: tuple[Agnostic, ...] = ("order", "connectivity", "both")
        return {agnostic: self._made(agnostic=agnostic) for agnostic in kinds}

    @cached_property
    def longer(self) -> MADE:
        """A wider family of all orders, trained for longer."""
        return self._made(agnostic="order", hidden=200, epochs=12)

    def _made(
        self, order: Order | None = None, agnostic: Agnostic | None = None, hidden: int = 100, epochs: int = 6
    ) -> MADE:
        model = MADE(self.domain, hidden=(hidden,), direct_connections=True, order=order, agnostic=agnostic)
        fit(model, self.train, epochs=epochs, **UPDATES)
        return model


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Digits of 4×3 pixels, black and white: so few that every image there is can be gone through.

    Attributes:
        train, test: [n, 1, 4, 3].
    """

    train: Tensor
    test: Tensor
    domain: ClassVar[Binary] = Binary((1, 4, 3))

    @classmethod
    def of(cls, digits: Digits) -> Thumbnails:
        return cls(smaller(digits.train), smaller(digits.test))

    @cached_property
    def model(self) -> MADE:
        """By rows."""
        return self._trained(None)

    @cached_property
    def family(self) -> MADE:
        """Of all orders and connectivities."""
        return self._trained("both")

    def _trained(self, agnostic: Agnostic | None) -> MADE:
        model = MADE(self.domain, hidden=(64,), direct_connections=True, agnostic=agnostic)
        fit(model, self.train, epochs=6, **UPDATES)
        return model


def smaller(x: Tensor) -> Tensor:
    """Of each 2×2 pixels one, white where two of them are; the outermost columns are left out: [n, 1, 4, 3]."""
    return (F.avg_pool2d(x[..., 1:7].double(), 2) >= 0.5).long()


def _values(split: Split | None) -> Tensor:
    assert split is not None, "these data come with all of their splits"
    return split.values()
