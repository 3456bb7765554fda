"""MADE: an autoencoder whose masks leave output i no path from any input but those before i.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution Estimation. 2015, arXiv:1502.03509.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.conditionals import Conditionals
from chainrule.domain import Domain
from chainrule.errors import ChainruleError
from chainrule.layers.masked import MaskedLinear
from chainrule.layers.masks import degree_mask
from chainrule.layers.reach import linear_reach
from chainrule.models.base import AutoregressiveModel
from chainrule.order import Order, as_order
from chainrule.seeding import Seed, as_seed, generator


class MADE(AutoregressiveModel):
    """A masked autoencoder with one mask: h(x) = g(b + (W ⊙ M^W) x), and the outputs c + (V ⊙ M^V) h(x).

    Args:
        domain: what a datum is; its shape is flattened.
        hidden: the width of each hidden layer.
        direct: adds masked weights straight from inputs to outputs (as in the paper).
        order: the sites in the order in which they are taken; raster order unless given.
        seed: draws the hidden degrees and the weights.

    Raises:
        ChainruleError: a layer of width under 1, or an order of other sites.

    Example:
        >>> from chainrule.domain import Binary
        >>> model = MADE(Binary((4,)), hidden=(8, 8))
        >>> total = sum(model.log_prob(x).exp().sum() for x in model.domain.outcomes())
        >>> round(total.item(), 5)
        1.0
    """

    def __init__(
        self,
        domain: Domain,
        hidden: Sequence[int] = (500,),
        direct: bool = False,
        order: Order | Sequence[int] | None = None,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if isinstance(hidden, int):
            raise ChainruleError(f"hidden names the width of each layer, such as ({hidden},); it is {hidden}")
        self.domain, self.hidden, self.direct = domain, tuple(hidden), direct
        self.order, self.seed = as_order(order, domain), as_seed(seed)
        if any(width < 1 for width in self.hidden):
            raise ChainruleError(f"hidden layers need a width of at least 1, and hidden is {list(self.hidden)}")
        rng = generator(self.seed)
        m = hidden_degrees(domain.sites, self.hidden, rng)  # m[l][k]: unit k of layer l sees the first m sites
        inputs = self.order.rank + 1
        outputs = inputs.repeat_interleave(domain.parameters)
        below = [inputs, *m]
        self.layers = nn.ModuleList(
            MaskedLinear(degree_mask(above, under, strict=False), rng) for under, above in zip(below, m, strict=False)
        )
        self.output = MaskedLinear(degree_mask(outputs, below[-1], strict=True), rng)
        nn.init.zeros_(self.output.weight)  # all conditionals start uniform
        self.skip = MaskedLinear(degree_mask(outputs, inputs, strict=True), rng) if direct else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def conditionals(self, x: Tensor) -> Conditionals:
        x = self.encode(x).flatten(1)
        h = x
        for layer in self.layers:
            h = F.relu(layer(h))
        logits = self.output(h)
        if self.skip is not None:
            logits = logits + self.skip(x)
        return self.domain.conditionals(logits.view(len(x), *self.domain.shape, self.domain.parameters))

    def receptive_field(self) -> Tensor:
        inputs = torch.eye(self.domain.sites, dtype=torch.bool)
        seen = inputs
        for layer in cast("Iterable[MaskedLinear]", self.layers):
            seen = linear_reach(seen, layer.mask)
        seen = linear_reach(seen, self._by_site(self.output))
        return seen if self.skip is None else seen | linear_reach(inputs, self._by_site(self.skip))

    def _by_site(self, layer: MaskedLinear) -> Tensor:
        """What the numbers of each site read together, bool [D, in]: they are too many to go through one by one."""
        return layer.mask.view(self.domain.sites, self.domain.parameters, -1).any(1)


def hidden_degrees(sites: int, hidden: Sequence[int], rng: torch.Generator) -> list[Tensor]:
    """m^l(k) of each hidden layer: uniform on [smallest degree of the layer below, D - 1], and no unit dead.

    One unit of each layer gets degree D - 1, so that every unit below it is read by somebody. A single site (D = 1) has
    nothing to look at: its hidden units get degree 0, and act as a bias.
    Source: MADE (arXiv:1502.03509), section 4.

    Returns:
        one int64 [width] for each layer.
    """
    degrees, low, high = [], min(1, sites - 1), sites - 1
    for width in hidden:
        m = torch.randint(low, high + 1, (width,), generator=rng)
        m[0] = high
        degrees.append(m)
        low = int(m.min())
    return degrees
