"""MADE: an autoencoder whose masks leave output i only paths from the inputs before i.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution Estimation. 2015, arXiv:1502.03509.

Sampling: `sampling/mlp_sampler.py`. The cache of the activations: `sampling/mlp_cache.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import ArrayLike, Domain, Order, as_order
from chainrule.errors import ChainruleError
from chainrule.layers.linear import MaskedLinear
from chainrule.layers.masks import degree_mask
from chainrule.layers.receptive_field import linear_field
from chainrule.models.autoregressive import AutoregressiveModel
from chainrule.models.density import Density, log_prob_by_pattern, sum_sites
from chainrule.models.ensemble import Ensemble
from chainrule.sampling import MLPPlan, MLPSampler, Sampler, Schedule, activation_plan, refuse_context
from chainrule.seeding import Seed, as_seed, generator

Agnostic = Literal["order", "connectivity", "both"]
AGNOSTIC = ("order", "connectivity", "both")
ORDERS, CONNECTIVITIES = 1, 2  # the first word of the key with which a member's order or connectivity is drawn


class MADE(AutoregressiveModel):
    """A masked autoencoder: h(x) = g(b + (W ⊙ M^W) x), with outputs c + (V ⊙ M^V) h(x).

    It is one exact model, of one order and one connectivity. With `agnostic` it is trained as a family of members that
    share their weights, with another member in each update (sections 4.2 and 4.3): `member` gives any member, `members`
    several, and `Ensemble` averages them.
    Source: Germain, Gregor, Murray, Larochelle 2015, arXiv:1502.03509, sections 3 and 4.

    Args:
        domain: the space of a datum; its shape is flattened.
        hidden: the width of each hidden layer.
        direct_connections: whether masked weights lead straight from inputs to outputs, as in the paper.
        order: the order of the sites; raster order unless given.
        agnostic: whether training draws a new order, a new connectivity (hidden degrees), or both, in each update.
        num_masks: the number of members that training takes in turn; without it each update draws a new member.
        seed: draws the hidden degrees, the weights, and the members.

    Raises:
        ChainruleError: a layer of width under 1, an order of other sites, or `num_masks` without `agnostic`.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = MADE(Binary((4,)), hidden=(8, 8), agnostic="both")
        >>> member = model.member(order=(3, 1, 0, 2), seed=5)
        >>> total = sum(member.log_prob(x).exp().sum() for x in model.domain.outcomes())
        >>> round(total.item(), 5)
        1.0
    """

    methods_of_fast_sampler = (*AutoregressiveModel.methods_of_fast_sampler, "_conditionals_through")
    trains_in_bfloat16 = True
    arguments_for_missing_values: ClassVar[Mapping[str, Any]] = {"agnostic": "order"}

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
        nn.init.zeros_(self.output.weight)  # all conditionals start as the domain gives them: uniform for levels
        initial = domain.initial_params
        with torch.no_grad():
            self.output.bias.copy_(initial.flatten())
        self._shape = tuple(initial.shape)  # of the parameters of a datum
        self.skip = linears[depth + 1] if direct_connections else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def _check(self) -> None:
        """Raise ChainruleError for arguments that make no model."""
        if any(width < 1 for width in self.hidden):
            raise ChainruleError(f"hidden layers need a width of at least 1, and hidden is {list(self.hidden)}")
        if self.agnostic not in (None, *AGNOSTIC):
            raise ChainruleError(f"agnostic must be one of {', '.join(AGNOSTIC)}, not {self.agnostic!r}")
        if self.num_masks is not None and (self.agnostic is None or self.num_masks < 1):
            raise ChainruleError(
                f"num_masks is the number of members that training goes through, at least 1 and only with agnostic "
                f"({', '.join(AGNOSTIC)}); it is {self.num_masks}, and agnostic is {self.agnostic}"
            )

    def conditionals(self, x: ArrayLike, context: Tensor | None = None) -> Distributions:
        refuse_context(context)
        return self._conditionals_through(x, [layer.mask for layer in self._linears])

    def forward(self, x: Tensor, update: int = 0, context: Tensor | None = None) -> Tensor:
        """Return log p of the observed values of each datum, [n] nats, by the member of this update.

        Where values are missing, they come last in the member's order, so that they are no input of the other sites.
        Without `agnostic`, the model itself is the only member.

        Raises:
            ChainruleError: values are missing, and training may not choose its orders.
        """
        if self.agnostic is None:
            return super().forward(x, update, context)
        refuse_context(context)
        order, degrees = self._member_at(update)

        def masks(order: Order) -> list[Tensor]:
            return self._masks(order, degrees, torch.promote_types(self._weight.dtype, torch.float32))

        def whole(x: Tensor, _: Tensor | None) -> Tensor:
            return sum_sites(self._conditionals_through(self.domain.check(x), masks(order)).log_prob(x))

        def part(x: Tensor, known: Tensor, _: Tensor | None) -> Tensor:
            if not self.can_choose_order and not bool(order.is_prefix(known.cpu())):
                raise self.missing_values_error()
            conditionals = self._conditionals_through(self.domain.check(x), masks(order.with_first(known.cpu())))
            return sum_sites(conditionals.log_prob(x) * known)

        return log_prob_by_pattern(x, None, whole, part)

    def _member_at(self, update: int) -> tuple[Order, list[Tensor]]:
        """Return the order and the hidden degrees of the member that an update trains."""
        order, seed = self._draw(update if self.num_masks is None else update % self.num_masks, self.seed)
        return order, hidden_degrees(self.domain.sites, self.hidden, generator(seed))

    @property
    def can_choose_order(self) -> bool:
        """Whether the model is trained for all orders, so that any order can be chosen."""
        return self.agnostic in ("order", "both") and self.num_masks is None

    def _conditionals_through(self, x: ArrayLike, masks: Sequence[Tensor]) -> Distributions:
        """Return the conditionals of the member with these masks, one mask for each of `_linears`."""
        inputs = self.encode(x).flatten(1)
        h, depth = inputs, len(self.hidden)
        for layer, mask in zip(self.layers, masks, strict=False):
            h = F.relu(layer(h, mask))
        params = self.output(h, masks[depth])
        if self.skip is not None:
            params = params + self.skip(inputs, masks[depth + 1])
        return self.domain.conditionals(params.view(len(inputs), *self._shape))

    @property
    def _linears(self) -> list[MaskedLinear]:
        """All masked layers: the hidden layers, the output layer, and the direct connections if there are any."""
        layers = [*self.layers, self.output, *([] if self.skip is None else [self.skip])]
        return cast("list[MaskedLinear]", layers)

    def _masks(self, order: Order, hidden: Sequence[Tensor], dtype: torch.dtype = torch.bool) -> list[Tensor]:
        """Return M^W of each hidden layer, M^V, and the mask of direct connections if there are any: [out, in].

        The degree of an input is its rank in the order, from 1.
        """
        rank = (order.rank + 1).to(self.device)
        inputs, outputs = (rank.repeat_interleave(each.to(rank)) for each in (self.domain.inputs, self.domain.outputs))
        degrees = [
            inputs,
            *(m.to(inputs) for m in hidden),
        ]  # unit k of layer l depends on the first degrees[l][k] sites
        masks = [degree_mask(above, below, strict=False, dtype=dtype) for below, above in pairwise(degrees)]
        masks.append(degree_mask(outputs, degrees[-1], strict=True, dtype=dtype))
        return [*masks, degree_mask(outputs, inputs, strict=True, dtype=dtype)] if self.direct_connections else masks

    def receptive_field(self) -> Tensor:
        sites = torch.arange(self.domain.sites)
        inputs = sites.repeat_interleave(self.domain.inputs)[:, None] == sites
        field = inputs
        for layer in cast("Iterable[MaskedLinear]", self.layers):
            field = linear_field(field, layer.mask)
        field = linear_field(field, self._mask_by_site(self.output))
        return field if self.skip is None else field | linear_field(inputs, self._mask_by_site(self.skip))

    def _mask_by_site(self, layer: MaskedLinear) -> Tensor:
        """Return the inputs that any output of each site reads, bool [D, in]: sites can have very many outputs."""
        return torch.stack([rows.any(0) for rows in torch.split(layer.mask, self.domain.outputs.tolist())])

    @cached_property
    def _sampling_plan(self) -> MLPPlan:
        """The plan of the fast sampler. It is made once, since masks and order do not change."""
        masks = [layer.mask for layer in self._linears[: len(self.hidden) + 1]]
        direct = None if self.skip is None else self.skip.mask
        plan = activation_plan(self.order, self.domain.inputs, self.domain.outputs, masks, direct)
        return MLPPlan(plan, Schedule(plan.groups), self.domain)

    def fast_sampler(self) -> Sampler:
        """Return a sampler that computes each unit once, as soon as the sites that it reads are known."""
        linears, depth = self._linears, len(self.hidden)
        return MLPSampler(self._sampling_plan, (*((layer,) for layer in linears[:depth]), tuple(linears[depth:])))

    # The family of members that share the weights, where the model is agnostic.

    def member(self, order: Order | Sequence[int] | None = None, seed: Seed | None = None) -> MADE:
        """Return one exact member of the family, which shares this model's weights.

        Args:
            order: the order of the member; this model's own order unless given.
            seed: draws the hidden degrees of the member; this model's own degrees unless given.

        Raises:
            ChainruleError: another order or connectivity, for which the family was not trained.
        """
        chosen = self.order if order is None else as_order(order, self.domain)
        drawn = self.seed if seed is None else as_seed(seed)
        for name, differs in {"order": chosen != self.order, "connectivity": drawn != self.seed}.items():
            if differs and self.agnostic not in (name, "both"):
                raise ChainruleError(f"this MADE has one {name}; make it with agnostic={name!r} or 'both' for others")
        return self._member(chosen, drawn)

    def members(self, n: int, seed: Seed = 0) -> list[MADE]:
        """Return n members of the family, to make an `Ensemble` of: the first n of `num_masks`, or n drawn members.

        The first member is this model itself.

        Args:
            seed: draws the members, where `num_masks` is not given.

        Raises:
            ChainruleError: n < 1, or more than the family has.

        Example:
            >>> from chainrule.domains import Binary
            >>> family = MADE(Binary((4,)), hidden=(8,), agnostic="both")
            >>> len({member.order for member in family.members(3)})
            3
        """
        most = self.check_members(n)
        source = as_seed(seed) if most is None else self.seed
        return [self._member(*self._draw(number, source)) for number in range(n)]

    @property
    def has_members(self) -> bool:
        return self.agnostic is not None

    def check_members(self, n: int) -> int | None:
        """Check a number of members, and return the number of members of the family; None where it has no end.

        Raises:
            ChainruleError: n < 1, or more than the family has.
        """
        most = 1 if self.agnostic is None else self.num_masks
        if n < 1 or n > (most or n):
            raise ChainruleError(f"the number of members must be {f'1 to {most}' if most else 'at least 1'}, not {n}")
        return most

    def condition(self, evidence: Tensor, *, members: int = 1, seed: int = 0) -> Density | None:
        """Return members of the family whose orders begin with the evidence.

        A family of all orders draws orders and moves the evidence to their beginning. A family of `num_masks` orders
        returns the members that fit.

        Raises:
            ChainruleError: fewer members than 1, or more than training goes through.
        """
        if self.agnostic is None or (members == 1 and bool(self.order.is_prefix(evidence))):
            return super().condition(evidence)
        self.check_members(members)
        source = seed if self.num_masks is None else self.seed
        drawn = [self._draw(number, source) for number in range(self.num_masks or members)]
        if self.can_choose_order:
            drawn = [(order.with_first(evidence), key) for order, key in drawn]
        fitting = [self._member(*each) for each in drawn if bool(each[0].is_prefix(evidence))][:members]
        return Ensemble(fitting) if len(fitting) > 1 else next(iter(fitting), None)

    def trains_on(self, evidence: Tensor) -> bool:
        if self.num_masks is None:
            return self.can_choose_order or super().trains_on(evidence)
        return all(bool(self._draw(number, self.seed)[0].is_prefix(evidence)) for number in range(self.num_masks))

    def _draw(self, number: int, seed: int) -> tuple[Order, int]:
        """Return the order and the seed of a member; member 0 is this model itself."""
        order, connectivity = self.order, self.seed
        if number == 0:
            return order, connectivity
        if self.agnostic in ("order", "both"):
            order = Order(tuple(torch.randperm(len(order), generator=generator(seed, ORDERS, number)).tolist()))
        if self.agnostic in ("connectivity", "both"):
            connectivity = as_seed(generator(seed, CONNECTIVITIES, number))
        return order, connectivity

    def _member(self, order: Order, seed: int) -> MADE:
        plan = vars(self).get("_sampling_plan")
        shared = (*self.parameters(), *self.buffers(), self.domain, self.order, plan)
        member = copy.deepcopy(self, {id(each): each for each in shared if each is not None})
        vars(member).pop("_sampling_plan", None)  # it belongs to this order and these degrees
        member.order, member.seed, member.agnostic, member.num_masks = order, seed, None, None
        masks = member._masks(order, hidden_degrees(self.domain.sites, self.hidden, generator(seed)))
        for layer, mask in zip(member._linears, masks, strict=True):
            layer.mask = mask
        return member

    # Facts about the architecture and its training.

    @property
    def trained_for_several_orders(self) -> bool:
        return self.agnostic in ("order", "both")

    def layer_masks(self) -> dict[str, Tensor]:
        return {name: layer.mask for name, layer in self.named_modules() if isinstance(layer, MaskedLinear)}

    def receptive_fields_by_depth(self) -> dict[int, Tensor]:
        return {}  # depth does not change what a unit may depend on


def hidden_degrees(sites: int, hidden: Sequence[int], rng: torch.Generator) -> list[Tensor]:
    """Draw m^l(k) of each hidden layer: uniform on [smallest degree of the layer below, D - 1], without dead units.

    One unit of each layer gets degree D - 1, so that every unit of the layer below is read. A single site (D = 1) reads
    no other site: its hidden units get degree 0, and act as a bias.
    Source: MADE (arXiv:1502.03509), section 4.

    Returns:
        int64 [width] for each layer.
    """
    degrees, low, high = [], min(1, sites - 1), sites - 1
    for width in hidden:
        m = torch.randint(low, high + 1, (width,), generator=rng)
        m[0] = high
        degrees.append(m)
        low = int(m.min())
    return degrees
