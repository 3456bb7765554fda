"""The sampler of a masked MLP: each hidden unit is computed once, as soon as the sites that it reads are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import Size, Tensor

from chainrule.distributions import Distributions
from chainrule.domains import Domain, encode_as
from chainrule.layers.linear import MaskedLinear
from chainrule.sampling.context import refuse_context
from chainrule.sampling.draws import InverseCDFDraw
from chainrule.sampling.mlp_cache import ActivationCache, ActivationPlan, PlannedNetwork
from chainrule.sampling.mlp_numba import Program, draw_compiled
from chainrule.sampling.sampler import Sampler
from chainrule.sampling.schedules import Schedule


class GroupDomain(NamedTuple):
    """The sites of one group: their domain, and the shape of their distributions' parameters."""

    domain: Domain
    params_shape: Size


@dataclass(frozen=True, eq=False)
class MLPPlan:
    """The part of an MLP's sampler that depends on its masks and domain alone, and not on its weights.

    Attributes:
        activations: the step at which each unit becomes known.
        schedule: the groups of sites.
        domain: the space of a datum.
    """

    activations: ActivationPlan
    schedule: Schedule
    domain: Domain

    @cached_property
    def groups(self) -> list[GroupDomain]:
        """The domain of the sites of each group."""
        parts = (self.domain.select_sites(sites) for sites in self.schedule)
        return [GroupDomain(part, part.initial_params.shape) for part in parts]

    @cached_property
    def program(self) -> Program:
        """The units in the order in which the compiled loop computes them."""
        return Program.from_plan(self.activations)


@dataclass(frozen=True, eq=False)
class MLPState:
    """The state of an `MLPSampler`: the number of groups that are done, and the activations that are known by then.

    The states of one decode share a cache. A state that the cache has gone beyond copies it first.
    """

    cache: ActivationCache
    step: int

    @property
    def current(self) -> ActivationCache:
        """The cache as of this step."""
        return self.cache if self.cache.step == self.step else self.cache.copy(self.step)

    @cached_property
    def outputs(self) -> Tensor:
        """The outputs of the next group, [n, outputs]."""
        return self.current.outputs()


class MLPSampler(Sampler):
    """Sample a masked MLP at the cost of about one pass.

    Args:
        plan: of the network's masks and domain.
        layers: for each hidden layer and the outputs, the linear layers that compute it.
    """

    def __init__(self, plan: MLPPlan, layers: tuple[tuple[MaskedLinear, ...], ...]) -> None:
        self.plan, self.network = plan, PlannedNetwork(plan.activations, layers)
        super().__init__(plan.domain, plan.schedule, self.network.reference.device)

    def init_state(self, n: int, context: Tensor | None = None) -> MLPState:
        refuse_context(context)
        return MLPState(ActivationCache.allocate(self.network, n, 0), 0)

    def prefill(self, x: Tensor, groups: int, context: Tensor | None = None) -> MLPState:
        if groups == 0:
            return self.init_state(len(x), context)
        refuse_context(context)
        cache, sites = ActivationCache.allocate(self.network, len(x), groups), self.schedule.sites_before(groups)
        values = x.flatten(1)[:, sites.to(x.device)].to(self.device)
        cache.prefill(encode_as(self.domain.select_sites(sites), values, cache.activations[0].dtype))
        return MLPState(cache, groups)

    def predict(self, state: MLPState) -> Distributions:
        domain, shape = self.plan.groups[state.step]
        return domain.conditionals(state.outputs.view(len(state.outputs), *shape))

    def step(self, state: MLPState, values: Tensor) -> MLPState:
        cache, group = state.current, self.plan.groups[state.step]
        inputs = cache.activations[0]
        cache.append(encode_as(group.domain, values.to(inputs.device), inputs.dtype))
        return MLPState(cache, cache.step)

    def reorder(self, state: MLPState, rows: Tensor) -> MLPState:
        return MLPState(state.cache.copy(state.step, rows), state.step)

    def sample_remaining(self, state: MLPState, draw: InverseCDFDraw) -> Tensor | None:
        return draw_compiled(state.cache, state.step, self.plan.program, self.domain, draw)
