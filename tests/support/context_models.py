"""Autoregressive models that take a context: a class for each datum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from chainrule.distributions import Conditionals
from chainrule.domains import Binary, Column, Table, natural
from chainrule.models import AutoregressiveModel
from chainrule.sampling import Sampler, sequential_schedule
from chainrule.seeding import generator

CLASSES = 3


class ClassConditional(AutoregressiveModel):
    """Logistic regressions of each site on the sites before it, with a bias for each class.

    Args:
        domain: binary.
        seed: draws the weights.
    """

    def __init__(self, domain: Binary, seed: int = 0) -> None:
        super().__init__()
        self.domain, self.seed, self.order = domain, seed, natural(domain)
        rng, sites = generator(seed), domain.sites
        self.weight = nn.Parameter(torch.randn(sites, sites, generator=rng))
        self.bias = nn.Parameter(torch.randn(CLASSES, sites, generator=rng))

    def conditionals(self, x, context=None):
        x = self.encode(x).flatten(1)
        logits = x @ self.weight.tril(-1).T + self.bias[context]
        return Conditionals(logits.view(-1, *self.domain.shape), binary=True)


@dataclass(frozen=True)
class LogitState:
    """The logits of all sites, as far as the sites so far determine them, and the number of these sites."""

    logits: Tensor
    step: int


class LogitSampler(Sampler):
    """Add the contribution of each site to the logits of the later sites."""

    def __init__(self, model):
        super().__init__(model.domain, sequential_schedule(model.order), model.device)
        self.weight, self.bias = model.weight.detach().tril(-1), model.bias.detach()

    def init_state(self, n, context=None):
        return LogitState(self.bias[context], 0)

    def prefill(self, x, groups, context=None):
        known = (2.0 * x.flatten(1) - 1.0).to(self.weight)[:, :groups]
        return LogitState(self.bias[context] + known @ self.weight[:, :groups].T, groups)

    def predict(self, state):
        return Conditionals(state.logits[:, state.step : state.step + 1], binary=True)

    def step(self, state, values):
        added = (2.0 * values - 1.0).to(self.weight) * self.weight[:, state.step]
        return replace(state, logits=state.logits + added, step=state.step + 1)


class FastClassConditional(ClassConditional):
    """The same model with a sampler of its own."""

    def fast_sampler(self):
        return LogitSampler(self)


class ForgetfulSampler(LogitSampler):
    """Ignores the context after a prefix: a fault for law 3 to find."""

    def prefill(self, x, groups, context=None):
        return super().prefill(x, groups, torch.zeros_like(context))


class ForgetfulClassConditional(ClassConditional):
    """A model whose sampler has a fault in the path of the context."""

    def fast_sampler(self):
        return ForgetfulSampler(self)


class BlendedClasses(ClassConditional):
    """Takes the class of the next datum of the batch: a fault, since data must not depend on their neighbours."""

    def conditionals(self, x, context=None):
        return super().conditionals(x, context.roll(1))


class TableConditional(AutoregressiveModel):
    """Logits of three columns with three levels each, from the columns before and the class of the row.

    Args:
        seed: draws the weights.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.domain = Table([Column(name, "categorical", (0, 1, 2)) for name in "abc"])
        self.seed, self.order, rng = seed, natural(self.domain), generator(seed)
        self.weight = nn.Parameter(torch.randn(9, 9, generator=rng))
        self.bias = nn.Parameter(torch.randn(CLASSES, 9, generator=rng))

    def conditionals(self, x, context=None):
        columns = torch.arange(9) // 3
        mask = columns[None, :] < columns[:, None]
        return self.domain.conditionals(self.encode(x) @ (mask * self.weight).T + self.bias[context])
