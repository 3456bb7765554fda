"""A user's callable, as a function from levels to the numbers of each site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from chainrule.checks.dependence import BATCH, NUMBERS, WORDS, name_of
from chainrule.domains import Levels
from chainrule.errors import ChainruleError, raised_at
from chainrule.seeding import generator

LAYOUTS = ("n,kc,h,w", "n,ck,h,w", "n,c,k,h,w", "n,k,c,h,w", "n,c,h,w,k", "n,c,h,w", "n,k,h,w")
"""How outputs for images can be laid out, axis by axis. `kc` is one axis of K·C numbers with k the slower of the two:
number k·C + c is number k of channel c. In `ck` c is the slower: that is number c·K + k. Where there is no c, the
numbers of a pixel are those of all of its channels."""

FLAT_LAYOUTS = ("n,kd", "n,dk", "n,d,k", "n,k,d", "n,d")
"""The same for rows of D numbers."""

SCALES = ("unit", "signed", "levels", "integers")
"""What images can be given as: floating-point numbers in [0, 1], in [-1, 1], or 0 … levels-1; or int64 0 … levels-1."""


class AnyLevels(Levels):
    """Of any number of levels: what a callable takes need not be stored in bytes. Floats hold so many exactly."""

    most = 2**24


@dataclass(frozen=True)
class Call:
    """A callable as a function from levels [n, C, H, W] or [n, D] to new tensors of each site's outputs [n, D, K].

    `parameters` is that K: how many numbers each site has. They are logits of its levels, unless others are asked for.
    """

    fn: Callable[[Tensor], Any]
    domain: Levels
    parameters: int
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
            what = shorten(f"{type(error).__name__}: {error}", WORDS) + raised_at(error)
            shape, dtype = ", ".join(map(str, self.domain.shape)), torch.int64 if self.integers else self.dtype
            images = f"{'images' if self.domain.is_image else 'rows'} [n, {shape}] of scale {self.scale!r}"
            remedy = f"it was given {images}, {name_of(dtype)} on {self.device}, which it must take"
            raise ChainruleError(f"{self.name} raised {what}; {remedy}") from error
        if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
            what = f"{outputs.dtype} numbers" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
            remedy = "wrap it in an nn.Module whose forward returns the tensor of logits alone"
            raise ChainruleError(f"{self.name} gives {what}; {remedy}")
        return outputs

    def scaled(self, x: Tensor) -> Tensor:
        """Levels as the callable takes them."""
        top, x = self.domain.levels - 1, x.to(self.device)
        if self.integers:
            return x.long().clone()
        x = x.to(self.dtype)
        return {"unit": x / top, "signed": x * (2.0 / top) - 1.0, "levels": x * 1.0}[self.scale]

    @property
    def integers(self) -> bool:
        return self.scale == "integers"

    def images(self, seed: int) -> Tensor:
        """Uniform levels int64 [n, *shape], at least two of them, so that neighbours can be told apart."""
        n = max(2, min(BATCH, NUMBERS // (self.domain.sites * self.parameters)))
        return torch.randint(self.domain.levels, (n, *self.domain.shape), generator=generator(seed, 1))

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each axis that a layout names, but n."""
        names = "chw" if self.domain.is_image else "d"
        return {**dict(zip(names, self.domain.shape, strict=True)), "k": self.parameters}

    def shape_of(self, n: int, layout: str) -> tuple[int, ...]:
        """The shape of outputs for n images."""
        sizes = {**self.sizes, "n": n}
        return tuple(math.prod(sizes[letter] for letter in axis) for axis in layout.split(","))

    def fitting(self, shape: tuple[int, ...]) -> list[str]:
        """The layouts that outputs of that shape can have."""
        return [each for each in layouts_of(self.domain) if shape and self.shape_of(shape[0], each) == shape]

    def by_site(self, outputs: Tensor) -> Tensor:
        """Outputs, laid out so, as [n, D, K]."""
        names = "chw" if self.domain.is_image else "d"
        axes = self.layout.split(",")
        for place, axis in enumerate(axes):
            if len(axis) == 2:
                sizes = [self.sizes[letter] for letter in axis]
                outputs = outputs.reshape(*outputs.shape[:place], *sizes, *outputs.shape[place + 1 :])
        letters = "".join(axes)
        for missing in {"c", "k"} & {*names, "k"} - {*letters}:
            size = self.sizes["c"] if missing == "c" else 1
            outputs, letters = outputs.unsqueeze(-1).expand(*outputs.shape, size), f"{letters}{missing}"
        return outputs.permute(*map(letters.index, f"n{names}k")).flatten(1, -2)

    @property
    def by_pixel(self) -> bool:
        """Are the numbers of a pixel those of all of its channels?"""
        return self.layout == "n,k,h,w" and self.domain.shape[0] > 1

    def _misfit(self, got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
        fitting = ", ".join(map(repr, self.fitting(got)))
        more, rest = divmod(math.prod(got[1:]), math.prod(wanted[1:]))
        times = f" (it gives {more} times as many numbers)" if not rest and more > 1 else ""
        others = f"layouts that fit: {fitting}" if fitting else f"no layout fits: are shape and levels right?{times}"
        images = f"shape {list(self.domain.shape)} with {self.parameters} numbers a site"
        return f"{self.name} gives {list(got)}, and layout {self.layout!r} of {images} is {list(wanted)}; {others}"


def layouts_of(domain: Levels) -> tuple[str, ...]:
    """The layouts that there are for data of that shape."""
    return LAYOUTS if domain.is_image else FLAT_LAYOUTS
