"""MADE: an autoencoder whose masks leave output i no path from any input but those before i.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution Estimation. 2015, arXiv:1502.03509.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import Domain
from chainrule.domains.orders import Order, as_order
from chainrule.errors import ChainruleError
from chainrule.layers.masked import MaskedLinear
from chainrule.layers.masks import degree_mask
from chainrule.layers.receptive_field import linear_reach
from chainrule.models.base import AutoregressiveModel, Density, by_pattern, encoded, not_first, sum_sites
from chainrule.models.ensemble import Ensemble
from chainrule.sampling.draws import Drawing
from chainrule.sampling.mlp_cache import Climb, Ladder, Network, ladder
from chainrule.sampling.mlp_numba import Program, draw
from chainrule.sampling.schedules import Schedule
from chainrule.seeding import Seed, as_seed, generator

Agnostic = Literal["order", "connectivity", "both"]
AGNOSTIC = ("order", "connectivity", "both")
ORDERS, CONNECTIVITIES = 1, 2  # what a member's draw is for: the first word of its key


@dataclass(frozen=True, eq=False)
class Climbed:
    """The state of a walk: how many groups are done, and what is known by then.

    What was computed on the way is shared by the states of a walk; one that it has gone beyond copies it first.
    """

    climb: Climb
    step: int

    @property
    def current(self) -> Climb:
        """What is known at this step, and no later one: to go on from."""
        return self.climb if self.climb.step == self.step else self.climb.copy(self.step)

    @cached_property
    def outputs(self) -> Tensor:
        """Those of the next group, [n, outputs]."""
        return self.current.outputs()


class MADE(AutoregressiveModel):
    """A masked autoencoder: h(x) = g(b + (W ⊙ M^W) x), and the outputs c + (V ⊙ M^V) h(x).

    It is one exact model, of one order and one connectivity. With `agnostic` it is trained as a family that shares its
    weights, another member in each update (sections 4.2 and 4.3): `member` gives any of them, `members` several, and
    `Ensemble` averages them.

    Args:
        domain: what a datum is; its shape is flattened.
        hidden: the width of each hidden layer.
        direct_connections: adds masked weights straight from inputs to outputs (as in the paper).
        order: the sites in the order in which they are taken; raster order unless given.
        agnostic: what is drawn anew in training: the order, the connectivity (the hidden degrees), or both.
        num_masks: how many members training goes through in turn; without a number each update draws a new one.
        seed: draws the hidden degrees, the weights, and the members.

    Raises:
        ChainruleError: a layer of width under 1, an order of other sites, or masks without `agnostic`.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = MADE(Binary((4,)), hidden=(8, 8), agnostic="both")
        >>> member = model.member(order=(3, 1, 0, 2), seed=5)
        >>> total = sum(member.log_prob(x).exp().sum() for x in model.domain.outcomes())
        >>> round(total.item(), 5)
        1.0
    """

    parallel = (*AutoregressiveModel.parallel, "_through")

    def __init__(
        self,
        domain: Domain,
        hidden: Sequence[int] = (500,),
        direct_connections: bool = False,
        order: Order | Sequence[int] | None = None,
        agnostic: Agnostic | None = None,
        num_masks: int | None = None,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        if isinstance(hidden, int):
            raise ChainruleError(f"hidden names the width of each layer, such as ({hidden},); it is {hidden}")
        self.domain, self.hidden, self.direct_connections = domain, tuple(hidden), direct_connections
        self.agnostic, self.num_masks = agnostic, num_masks
        self.order, self.seed = as_order(order, domain), as_seed(seed)
        self._check()
        rng = generator(self.seed)
        degrees, depth = hidden_degrees(domain.sites, self.hidden, rng), len(self.hidden)
        linears = [MaskedLinear(mask, rng) for mask in self._masks(self.order, degrees)]
        self.layers, self.output = nn.ModuleList(linears[:depth]), linears[depth]
        nn.init.zeros_(self.output.weight)  # all conditionals start as the domain has them, uniform for levels
        initial = domain.initial
        with torch.no_grad():
            self.output.bias.copy_(initial.flatten())
        self._shape = tuple(initial.shape)  # of the numbers of a datum
        self.skip = linears[depth + 1] if direct_connections else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def _check(self) -> None:
        """Raises ChainruleError for arguments that make no model."""
        if any(width < 1 for width in self.hidden):
            raise ChainruleError(f"hidden layers need a width of at least 1, and hidden is {list(self.hidden)}")
        if self.agnostic not in (None, *AGNOSTIC):
            raise ChainruleError(f"agnostic must be one of {', '.join(AGNOSTIC)}, not {self.agnostic!r}")
        if self.num_masks is not None and (self.agnostic is None or self.num_masks < 1):
            raise ChainruleError(
                f"masks is the number of members that training goes through, at least 1 and only with agnostic "
                f"({', '.join(AGNOSTIC)}); it is {self.num_masks}, and agnostic is {self.agnostic}"
            )

    def conditionals(self, x: Tensor) -> Distributions:
        return self._through(x, [layer.mask for layer in self._linears])

    def forward(self, x: Tensor, update: int = 0) -> Tensor:
        """log p of what is known of each datum, by the member whose turn it is; where it is no family, by this model.

        Where values are missing, the member's order is changed so that they come last: they are no input of the others.

        Raises:
            ChainruleError: values are missing, and training may not choose its orders.
        """
        if self.agnostic is None:
            return super().forward(x)
        order, degrees = self._turn(update)

        def drawn(order: Order) -> list[Tensor]:
            return self._masks(order, degrees, torch.promote_types(self._weight.dtype, torch.float32))

        def whole(x: Tensor) -> Tensor:
            return sum_sites(self._through(self.domain.check(x), drawn(order)).log_prob(x))

        def part(x: Tensor, known: Tensor) -> Tensor:
            if not self.any_order and not bool(order.is_prefix(known.cpu())):
                raise ChainruleError(not_first(self))
            conditionals = self._through(self.domain.check(x), drawn(order.first(known.cpu())))
            return sum_sites(conditionals.log_prob(x) * known)

        return by_pattern(x, whole, part)

    def _turn(self, update: int) -> tuple[Order, list[Tensor]]:
        """Order and hidden degrees of the member whose turn it is."""
        order, seed = self._draw(update if self.num_masks is None else update % self.num_masks, self.seed)
        return order, hidden_degrees(self.domain.sites, self.hidden, generator(seed))

    @property
    def any_order(self) -> bool:
        """Is it trained for all orders, so that one can be chosen?"""
        return self.agnostic in ("order", "both") and self.num_masks is None

    def _through(self, x: Tensor, masks: Sequence[Tensor]) -> Distributions:
        """The conditionals of the member with these masks, one for each of `_linears`."""
        x = self.encode(x).flatten(1)
        h, depth = x, len(self.hidden)
        for layer, mask in zip(self.layers, masks, strict=False):
            h = F.relu(layer(h, mask))
        logits = self.output(h, masks[depth])
        if self.skip is not None:
            logits = logits + self.skip(x, masks[depth + 1])
        return self.domain.conditionals(logits.view(len(x), *self._shape))

    @property
    def _linears(self) -> list[MaskedLinear]:
        """All masked layers: the hidden ones, the output, the direct one if there is one."""
        layers = [*self.layers, self.output, *([] if self.skip is None else [self.skip])]
        return cast("list[MaskedLinear]", layers)

    def _masks(self, order: Order, hidden: Sequence[Tensor], dtype: torch.dtype = torch.bool) -> list[Tensor]:
        """M^W of each hidden layer, M^V, and that of direct weights if there are any: [out, in], bool or of `dtype`.

        An input's degree is its place in the order, from 1.
        """
        rank = (order.rank + 1).to(self.device)
        inputs, outputs = (rank.repeat_interleave(each.to(rank)) for each in (self.domain.inputs, self.domain.outputs))
        degrees = [inputs, *(m.to(inputs) for m in hidden)]  # degrees[l][k]: unit k of layer l sees the first m sites
        masks = [degree_mask(above, below, strict=False, dtype=dtype) for below, above in pairwise(degrees)]
        masks.append(degree_mask(outputs, degrees[-1], strict=True, dtype=dtype))
        return [*masks, degree_mask(outputs, inputs, strict=True, dtype=dtype)] if self.direct_connections else masks

    def receptive_field(self) -> Tensor:
        sites = torch.arange(self.domain.sites)
        inputs = sites.repeat_interleave(self.domain.inputs)[:, None] == sites
        seen = inputs
        for layer in cast("Iterable[MaskedLinear]", self.layers):
            seen = linear_reach(seen, layer.mask)
        seen = linear_reach(seen, self._by_site(self.output))
        return seen if self.skip is None else seen | linear_reach(inputs, self._by_site(self.skip))

    def _by_site(self, layer: MaskedLinear) -> Tensor:
        """What the numbers of each site read together, bool [D, in]: they are too many to go through one by one."""
        return torch.stack([rows.any(0) for rows in torch.split(layer.mask, self.domain.outputs.tolist())])

    # The sequential half: a walk computes each unit once, as soon as the sites that it sees are known.

    @cached_property
    def ladder(self) -> Ladder:
        """When each input, unit and output is known in a walk. It is made once: masks and order stay as they are."""
        masks = [layer.mask for layer in self._linears[: len(self.hidden) + 1]]
        direct = None if self.skip is None else self.skip.mask
        return ladder(self.order, self.domain.inputs, self.domain.outputs, masks, direct)

    @cached_property
    def schedule(self) -> Schedule:
        """The sites in their order; those whose outputs see the same units go together."""
        return Schedule(self.ladder.groups)

    @cached_property
    def _parts(self) -> list[tuple[Domain, torch.Size]]:
        """What the sites of each group are, and the shape of their numbers."""
        parts = (self.domain.part(sites) for sites in self.schedule)
        return [(part, part.initial.shape) for part in parts]

    def start(self, n: int) -> Climbed:
        return Climbed(Climb.of(self._network, n, 0), 0)

    def predict(self, state: Climbed) -> Distributions:
        part, shape = self._parts[state.step]
        return part.conditionals(state.outputs.view(len(state.outputs), *shape))

    def advance(self, state: Climbed, values: Tensor) -> Climbed:
        climb, (part, _) = state.current, self._parts[state.step]
        like = climb.known[0]
        climb.write(encoded(part, values.to(like.device), like.dtype))
        return Climbed(climb, climb.step)

    def absorb(self, x: Tensor, groups: int) -> Climbed:
        if groups == 0:
            return self.start(len(x))
        climb, sites = Climb.of(self._network, len(x), groups), self.schedule.sites_before(groups)
        values = x.flatten(1)[:, sites.to(x.device)].to(self.device)
        climb.absorb(encoded(self.domain.part(sites), values, climb.known[0].dtype))
        return Climbed(climb, groups)

    def select(self, state: Climbed, rows: Tensor) -> Climbed:
        return Climbed(state.climb.copy(state.step, rows), state.step)

    def run(self, state: Climbed, choice: Drawing) -> Tensor | None:
        return draw(state.climb, state.step, self._program, self.domain, choice)

    @cached_property
    def _program(self) -> Program:
        """What the inner loop goes through."""
        return Program.of(self.ladder)

    @property
    def _network(self) -> Network:
        """The layers, ready for a walk."""
        linears, depth = self._linears, len(self.hidden)
        return Network(self.ladder, (*((layer,) for layer in linears[:depth]), tuple(linears[depth:])))

    # The family, where it is one.

    def member(self, order: Order | Sequence[int] | None = None, seed: Seed | None = None) -> MADE:
        """One exact model of the family, which shares this one's weights.

        Args:
            order: its order; this model's own unless given.
            seed: draws its hidden degrees; those of this model unless given.

        Raises:
            ChainruleError: another order or connectivity, and the family was not trained for others.
        """
        chosen = self.order if order is None else as_order(order, self.domain)
        drawn = self.seed if seed is None else as_seed(seed)
        for name, differs in {"order": chosen != self.order, "connectivity": drawn != self.seed}.items():
            if differs and self.agnostic not in (name, "both"):
                raise ChainruleError(f"this MADE has one {name}; make it with agnostic={name!r} or 'both' for others")
        return self._member(chosen, drawn)

    def members(self, n: int, seed: Seed = 0) -> list[MADE]:
        """Models of the family, to make an `Ensemble` of: the first n that training goes through, or n draws.

        The first is this model itself.

        Args:
            seed: draws them, where training goes through no fixed number.

        Raises:
            ChainruleError: n < 1, or more than there are.

        Example:
            >>> from chainrule.domains import Binary
            >>> family = MADE(Binary((4,)), hidden=(8,), agnostic="both")
            >>> len({member.order for member in family.members(3)})
            3
        """
        most = self.check_members(n)
        source = as_seed(seed) if most is None else self.seed
        return [self._member(*self._draw(number, source)) for number in range(n)]

    def check_members(self, n: int) -> int | None:
        """How many members there are, if there is an end; n must be no more.

        Raises:
            ChainruleError: n < 1, or more than there are.
        """
        most = 1 if self.agnostic is None else self.num_masks
        if n < 1 or n > (most or n):
            raise ChainruleError(f"the number of members must be {f'1 to {most}' if most else 'at least 1'}, not {n}")
        return most

    def given(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:
        """Of a family: drawn orders with the evidence put first, or those that it was trained for and that fit.

        Raises:
            ChainruleError: fewer members than 1, or more than training goes through.
        """
        if self.agnostic is None or (members == 1 and bool(self.order.is_prefix(evidence))):
            return super().given(evidence)
        self.check_members(members)
        source = seed if self.num_masks is None else self.seed
        drawn = [self._draw(number, source) for number in range(self.num_masks or members)]
        if self.any_order:
            drawn = [(order.first(evidence), key) for order, key in drawn]
        fitting = [self._member(*each) for each in drawn if bool(each[0].is_prefix(evidence))][:members]
        return Ensemble(fitting) if len(fitting) > 1 else next(iter(fitting), None)

    def learns_from(self, evidence: Tensor) -> bool:
        if self.num_masks is None:
            return self.any_order or super().learns_from(evidence)
        return all(bool(self._draw(number, self.seed)[0].is_prefix(evidence)) for number in range(self.num_masks))

    def _draw(self, number: int, seed: int) -> tuple[Order, int]:
        """Order and seed of a member; number 0 is this model itself."""
        order, connectivity = self.order, self.seed
        if number == 0:
            return order, connectivity
        if self.agnostic in ("order", "both"):
            order = Order(tuple(torch.randperm(len(order), generator=generator(seed, ORDERS, number)).tolist()))
        if self.agnostic in ("connectivity", "both"):
            connectivity = as_seed(generator(seed, CONNECTIVITIES, number))
        return order, connectivity

    def _member(self, order: Order, seed: int) -> MADE:
        plans = ("ladder", "schedule", "_parts", "_program")
        planned = {name: vars(self)[name] for name in plans if name in vars(self)}
        shared = (*self.parameters(), *self.buffers(), self.domain, self.order, *planned.values())
        member = copy.deepcopy(self, {id(each): each for each in shared})
        for name in planned:  # they are of this order, and of these degrees
            del vars(member)[name]
        member.order, member.seed, member.agnostic, member.num_masks = order, seed, None, None
        masks = member._masks(order, hidden_degrees(self.domain.sites, self.hidden, generator(seed)))
        for layer, mask in zip(member._linears, masks, strict=True):
            layer.mask = mask
        return member


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
