"""A user's callable, as a function from levels to the numbers of each site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from chainrule.domain import Levels
from chainrule.errors import ChainruleError
from chainrule.laws.seen import BATCH, NUMBERS
from chainrule.seeding import generator

LAYOUTS = ("n,kc,h,w", "n,ck,h,w", "n,c,k,h,w", "n,k,c,h,w", "n,c,h,w,k", "n,c,h,w")
"""How outputs can be laid out, axis by axis. `kc` is one axis of K·C numbers with k the slower of the two: number
k·C + c is value k of channel c. In `ck` c is the slower: that is number c·K + k."""

SCALES = ("unit", "signed", "levels", "integers")
"""What images can be given as: floating-point numbers in [0, 1], in [-1, 1], or 0 … levels-1; or int64 0 … levels-1."""


@dataclass(frozen=True)
class Call:
    """A callable as a function from levels [n, C, H, W] to new tensors of each site's outputs [n, D, K]."""

    fn: Callable[[Tensor], Any]
    domain: Levels
    layout: str
    scale: str
    dtype: torch.dtype
    device: torch.device

    @property
    def name(self) -> str:
        """The callable's, or its class's."""
        return str(getattr(self.fn, "__name__", type(self.fn).__name__))

    def __call__(self, x: Tensor) -> Tensor:
        outputs = self.raw(x)
        wanted = self.shape_of(len(x), self.layout)
        if tuple(outputs.shape) != wanted:
            raise ChainruleError(self._misfit(tuple(outputs.shape), wanted))
        return self.by_site(outputs).clone()

    def raw(self, x: Tensor) -> Tensor:
        """What the callable gives for levels x, as it is.

        Raises:
            ChainruleError: it raises, or gives something else than a floating-point tensor.
        """
        try:
            outputs = self.fn(self.scaled(x))
        except Exception as error:  # a user's model may raise anything
            what = shorten(f"{type(error).__name__}: {error}", 240)
            images = f"[n, {', '.join(map(str, self.domain.shape))}]"
            remedy = f"it must take images {images}, of scale {self.scale!r} here"
            raise ChainruleError(f"{self.name} raised {what}; {remedy}") from error
        if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
            what = f"{outputs.dtype} numbers" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
            raise ChainruleError(f"{self.name} gives {what}; give a callable that returns a tensor of logits alone")
        return outputs

    def scaled(self, x: Tensor) -> Tensor:
        """Levels as the callable takes them."""
        top, x = self.domain.levels - 1, x.to(self.device)
        if self.scale == "integers":
            return x.long().clone()
        x = x.to(self.dtype)
        return {"unit": x / top, "signed": x * (2.0 / top) - 1.0, "levels": x * 1.0}[self.scale]

    def images(self, seed: int) -> Tensor:
        """Uniform levels int64 [n, C, H, W], at least two of them, so that neighbours can be told apart."""
        n = max(2, min(BATCH, NUMBERS // (self.domain.sites * self.domain.levels)))
        return torch.randint(self.domain.levels, (n, *self.domain.shape), generator=generator(seed, 1))

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each axis that a layout names, but n."""
        channels, height, width = self.domain.shape
        return {"c": channels, "h": height, "w": width, "k": self.domain.levels}

    def shape_of(self, n: int, layout: str) -> tuple[int, ...]:
        """The shape of outputs for n images."""
        sizes = {**self.sizes, "n": n}
        return tuple(math.prod(sizes[letter] for letter in axis) for axis in layout.split(","))

    def by_site(self, outputs: Tensor) -> Tensor:
        """Outputs, laid out so, as [n, D, K]."""
        axes = self.layout.split(",")
        for place, axis in enumerate(axes):
            if len(axis) == 2:
                sizes = [self.sizes[letter] for letter in axis]
                outputs = outputs.reshape(*outputs.shape[:place], *sizes, *outputs.shape[place + 1 :])
        letters = "".join(axes)
        if "k" not in letters:
            outputs, letters = outputs.unsqueeze(-1), f"{letters}k"
        return outputs.permute(*map(letters.index, "nchwk")).flatten(1, 3)

    def _misfit(self, got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
        fitting = [repr(each) for each in LAYOUTS if self.shape_of(got[0] if got else 0, each) == got]
        others = f"layouts that fit: {', '.join(fitting)}" if fitting else "no layout fits: are shape and levels right?"
        images = f"images {list(self.domain.shape)} of {self.domain.levels} levels"
        return f"{self.name} gives {list(got)}, and layout {self.layout!r} of {images} is {list(wanted)}; {others}"
