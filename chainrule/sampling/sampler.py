"""Samplers: the step-by-step half of a model, one group of sites after the other.

A model makes its sampler: `model.sampler()`. The state of a sampler is a value that is passed in and out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import Domain, Order
from chainrule.sampling.draws import InverseCDFDraw
from chainrule.sampling.schedules import Schedule, sequential_schedule


def belongs_with(cls: type, name: str, others: Sequence[str]) -> bool:
    """Return whether the class that defines `name` also defines, or inherits, each of the other attributes.

    It does not where a subclass or a mixin has changed one of the others: then the old `name` does not belong with the
    new definition. Nor does a mixin count that defines `name` alone, since it does not say for which class.

    Example:
        >>> class Base:
        ...     def step(self): ...
        ...     def loop_of_steps(self): ...
        >>> class Changed(Base):
        ...     def step(self): ...
        >>> [belongs_with(each, "loop_of_steps", ["step"]) for each in (Base, Changed)]
        [True, False]
    """
    owner = _defining_class(cls, name)
    return all(issubclass(owner, _defining_class(cls, other)) for other in others)


def _defining_class(cls: type, name: str) -> type:
    """Return the class among a class and its bases from which it has an attribute."""
    return next(each for each in cls.__mro__ if name in vars(each))


class Sampler(ABC):
    """Give the conditionals of one group of sites after the other, each from the values of the groups before.

    A sampler prepares the weights when it is made. After the weights have changed, make a new sampler: the draws of the
    old one mean nothing.

    Args:
        domain: the space of a datum.
        schedule: the groups of sites, one group a step.
        device: the device of the weights.

    Example:
        >>> import chainrule as cr
        >>> sampler = cr.MADE(cr.Binary((3,)), hidden=(8,)).sampler()
        >>> state = sampler.init_state(2)
        >>> sampler.predict(state).probs.shape  # [data, sites of the first group, levels]
        torch.Size([2, 1, 2])
        >>> state = sampler.step(state, torch.tensor([[0], [1]]))
    """

    def __init__(self, domain: Domain, schedule: Schedule, device: torch.device) -> None:
        self.domain, self.schedule, self.device = domain, schedule, device

    @abstractmethod
    def init_state(self, n: int, context: Tensor | None = None) -> Any:
        """Return the state of n data before the first group.

        Args:
            context: [n, ...], where the model takes a context.
        """

    @abstractmethod
    def prefill(self, x: Tensor, groups: int, context: Tensor | None = None) -> Any:
        """Return the state after the first `groups` groups took their values in x [n, *shape], in one parallel pass.

        Values of later groups are not read.
        """

    @abstractmethod
    def predict(self, state: Any) -> Distributions:
        """Return the conditionals of the next group: [n, g]."""

    @abstractmethod
    def step(self, state: Any, values: Tensor) -> Any:
        """Return the state after the next group took `values` [n, g]. `state` itself stays valid."""

    def reorder(self, state: Any, rows: Tensor) -> Any:
        """Return the state of these data (int64 [m], which may repeat). `state` itself stays valid.

        States are made of tensors, batch first, and of plain values, in tuples, lists, dictionaries or dataclasses. A
        sampler with states of another kind needs a `reorder` of its own.
        """
        return map_tensors(state, lambda tensor: tensor[rows.to(tensor.device)])

    def evaluating(self) -> AbstractContextManager[None]:
        """Return the context manager in which `decode` runs the sampler: without gradients and without autocast.

        A sampler that calls its model returns `evaluating(model)`, which also puts the model in evaluation mode.
        """
        return _without_gradients(self.device)

    def loop_matches_steps(self) -> bool:
        """Return whether `sample_remaining` was written for these steps, and not for those of a base class."""
        steps = ("init_state", "prefill", "predict", "step", "reorder")
        return belongs_with(type(self), "sample_remaining", steps) and not any(name in vars(self) for name in steps)

    def sample_remaining(self, state: Any, draw: InverseCDFDraw) -> Tensor | None:  # noqa: ARG002
        """Draw all remaining groups in a compiled loop, with the values that `draw` would choose.

        Returns:
            values [n, remaining sites], in the order of the schedule; None where there is no such loop.

        Raises:
            ChainruleError: a temperature of 0 or less.
        """
        return None


class Switchable(Protocol):
    """A model whose mode `evaluating` can change."""

    @property
    def device(self) -> torch.device: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def eval(self) -> Any: ...


class ParallelModel(Switchable, Protocol):
    """The part of a model that `RecomputingSampler` needs."""

    domain: Domain
    order: Order

    def predict_conditionals(self, x: Tensor, context: Tensor | None) -> Distributions: ...


@dataclass(frozen=True, eq=False)
class PartialData:
    """The state of `RecomputingSampler`.

    Attributes:
        x: the values so far [n, *shape], zero at later sites.
        step: the number of groups that are done.
        context: [n, ...] or None.
    """

    x: Tensor
    step: int
    context: Tensor | None = None


class RecomputingSampler(Sampler):
    """Run the model's `conditionals` on all sites at every step: slow, and right by construction.

    Args:
        model: an autoregressive model.
        schedule: groups of sites that do not depend on each other; one site a step unless given.
    """

    def __init__(self, model: ParallelModel, schedule: Schedule | None = None) -> None:
        super().__init__(model.domain, schedule or sequential_schedule(model.order), model.device)
        self.model = model

    def init_state(self, n: int, context: Tensor | None = None) -> PartialData:
        x = torch.zeros(n, *self.domain.shape, dtype=self.domain.dtype, device=self.device)
        return PartialData(x, 0, context)

    def prefill(self, x: Tensor, groups: int, context: Tensor | None = None) -> PartialData:
        sites = self.schedule.sites_before(groups).to(self.device)
        state = self.init_state(len(x), context)
        state.x.flatten(1)[:, sites] = x.to(state.x).flatten(1)[:, sites]
        return PartialData(state.x, groups, context)

    def evaluating(self) -> AbstractContextManager[None]:
        return evaluating(self.model)

    def predict(self, state: PartialData) -> Distributions:
        conditionals = self.model.predict_conditionals(state.x, state.context)
        return conditionals.select_sites(self.schedule[state.step])

    def step(self, state: PartialData, values: Tensor) -> PartialData:
        x = state.x.clone()
        x.flatten(1)[:, self.schedule[state.step].to(x.device)] = values.to(x)
        return PartialData(x, state.step + 1, state.context)


@contextmanager
def _without_gradients(device: torch.device) -> Iterator[None]:
    """Record no gradients within the block, and use no autocast."""
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def evaluating(model: Switchable) -> Iterator[None]:
    """Put the model in evaluation mode (no dropout) within the block, without autocast and without gradients.

    It is not `inference_mode`: tensors that a model computes once and keeps could not be used in training later.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with _without_gradients(model.device):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def map_tensors(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return `state` with each tensor changed: tuples, lists, dictionaries, dataclasses and plain values stay."""
    if isinstance(state, Tensor):
        return change(state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{each.name: map_tensors(getattr(state, each.name), change) for each in fields(state)})
    if isinstance(state, dict):
        return {name: map_tensors(part, change) for name, part in state.items()}
    if isinstance(state, tuple | list):
        changed = [map_tensors(part, change) for part in state]
        return type(state)(*changed) if hasattr(state, "_fields") else type(state)(changed)
    return state
