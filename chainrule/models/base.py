"""The contract of every model: a density; and all conditionals in one parallel pass, or group by group in a walk."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from chainrule.distributions import Distributions
from chainrule.domains import Domain
from chainrule.domains.orders import Order
from chainrule.errors import ChainruleError
from chainrule.sampling.draws import Drawing
from chainrule.sampling.schedules import Schedule, one_by_one


class Density(nn.Module, ABC):
    """A density p(x) over `domain`.

    A constructor keeps each of its arguments as an attribute of the same name: that is what saving a model writes down.

    Attributes:
        domain: what a datum is.
    """

    domain: Domain
    classes: ClassVar[dict[str, type[Density]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = Density.classes.get(cls.__name__)
        if known is None or not known.__module__.startswith("chainrule."):  # the library's own keep their names
            Density.classes[cls.__name__] = cls

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, [n] for data x [n, *shape]; summed over sites in float64.

        Raises:
            ChainruleError: data of another shape, or values outside the domain.
        """

    @abstractmethod
    def log_marginal(self, x: Tensor, evidence: Tensor) -> Tensor:
        """log p(x_e) in nats, [n]: of the sites that are marked as evidence, all others summed out.

        Exact: the evidence must be the first sites of the order, and `given` finds a model of which it is.

        Args:
            x: [n, *shape]; values outside the evidence are not read.
            evidence: bool [D], or [n, D].

        Raises:
            ChainruleError: data of another shape, values outside the domain, or other evidence.
        """

    @abstractmethod
    def given(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:
        """A density of the same family that takes the sites of `evidence` (bool [D]) first, and so is exact on them.

        Args:
            members: how many to take of a family of many orders; several make an ensemble.
            seed: draws their orders.

        Returns:
            None where there is none.
        """

    def fitting(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:
        """`given`; of an ensemble of which some models cannot take the evidence first, the average of those that can.

        Draws come from these: exact under models that were trained for it. A likelihood is none of the ensemble's.
        """
        return self.given(evidence, members, seed)

    def learns_from(self, evidence: Tensor) -> bool:
        """Can it be trained on data of which these sites, bool [D], are there and the others missing?"""
        return self.given(evidence) is not None

    @abstractmethod
    def drawn(self, x: Tensor, evidence: Tensor, noise: Tensor) -> Iterator[tuple[AutoregressiveModel, Tensor]]:
        """Who goes on with each datum: an autoregressive model, drawn from p(model | evidence).

        Args:
            x: [n, *shape]; values outside the evidence are not read.
            evidence: bool [n, D], the first sites of the order.
            noise: uniform in [0, 1), float64 [n].

        Yields:
            a model, and the rows of x that are its own, int64 [m].
        """

    def forward(self, x: Tensor, update: int = 0) -> Tensor:  # noqa: ARG002
        """log p of what is known of each datum, under the name that training and wrappers such as DDP call: [n] nats.

        Args:
            x: [n, *shape]; of a table, missing values are NaN.
            update: the number of the update: a family of many models may train another one in each.

        Raises:
            ChainruleError: values are missing, and there is no member whose order begins with those that are not.
        """
        return by_pattern(x, self.log_prob, self._log_prob_of_given)

    def _log_prob_of_given(self, x: Tensor, evidence: Tensor) -> Tensor:
        """`log_marginal` this evidence, bool [D], by a density that takes it first."""
        density = self.given(evidence.cpu())
        if density is None:
            raise ChainruleError(not_first(self))
        return density.log_marginal(x, evidence)

    @property
    def kept(self) -> int:
        """How many bytes a walk keeps of each datum, roughly: its values, and what a model may keep beside them."""
        return 8 * self.domain.sites

    @property
    def device(self) -> torch.device:
        """Where the weights are, and data must be."""
        return self._weight.device

    def encode(self, x: Tensor) -> Tensor:
        """The data as a network's input, in the type of the weights."""
        return encoded(self.domain, x, self._weight.dtype)

    @property
    def _weight(self) -> Tensor:
        return next(self.parameters(), torch.empty(0))  # a model need not have any

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in list(inspect.signature(type(self)).parameters)}


@dataclass(frozen=True, eq=False)
class Canvas:
    """The state of the default sequential half: the values so far (zero elsewhere), and how many groups are done."""

    x: Tensor
    step: int


SEQUENTIAL = ("schedule", "start", "predict", "advance", "absorb", "select", "run")
"""The sequential half of a model, by name."""


class AutoregressiveModel(Density):
    """A density p(x) = ∏ p(x_i | x_<i) over `domain`, its sites taken in `order`.

    A new model writes `conditionals` and nothing else. So does a class that changes those of a model: it gets the
    default sequential half, unless it writes one.
    Source: MADE (arXiv:1502.03509), section 3; PixelRNN (arXiv:1601.06759), equation 1.

    Attributes:
        domain: what a datum is.
        order: the permutation of the sites.
    """

    order: Order
    parallel: ClassVar[tuple[str, ...]] = ("conditionals", "encode")
    """The methods that a fast sequential half repeats in steps of its own: a class that changes one loses that half."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any(_place(cls, name) < _place(cls, "start") for name in cls.parallel):
            # The sequential half that it inherits would be that of other conditionals.
            for name in set(SEQUENTIAL) - set(vars(cls)):
                setattr(cls, name, vars(AutoregressiveModel)[name])
        elif any(_place(cls, name) < _place(cls, "run") for name in SEQUENTIAL):
            cls.run = AutoregressiveModel.run  # type: ignore[method-assign]  # nor would a loop know of changed steps

    @abstractmethod
    def conditionals(self, x: Tensor) -> Distributions:
        """The D distributions p(x_i | x_<i) for data x [n, *shape], all at once: the definition of the model."""

    def log_prob(self, x: Tensor) -> Tensor:
        return sum_sites(self.conditionals(self.domain.check(x)).log_prob(x))

    def log_marginal(self, x: Tensor, evidence: Tensor) -> Tensor:
        if not bool(self.order.is_prefix(evidence).all()):
            raise ChainruleError(f"the evidence is not the first sites of the order of this {type(self).__name__}")
        if not bool(evidence.any()):
            return torch.zeros(len(x), dtype=sum_dtype(x), device=x.device)
        known = evidence.expand(len(x), -1).view(x.shape).to(x.device)
        x = self.domain.check(torch.where(known, x, torch.zeros_like(x)))
        by_site = self.conditionals(x).log_prob(x)
        return sum_sites(torch.where(known, by_site, torch.zeros_like(by_site)))

    def given(self, evidence: Tensor, members: int = 1, seed: int = 0) -> Density | None:  # noqa: ARG002
        return self if bool(self.order.is_prefix(evidence)) else None

    def drawn(
        self,
        x: Tensor,
        evidence: Tensor,  # noqa: ARG002
        noise: Tensor,  # noqa: ARG002
    ) -> Iterator[tuple[AutoregressiveModel, Tensor]]:
        yield self, torch.arange(len(x))

    def receptive_field(self) -> Tensor | None:
        """bool [D, D]: row i is True at the sites that the conditional of site i can depend on, whatever the weights.

        It follows from the layers' kernels, masks and recurrences, not from running them; law 6 holds the model to it.
        None where the model does not say.
        """
        return None

    def in_words(self) -> str:
        """What the model is called where people read it: its class, unless that has a better name."""
        return type(self).__name__

    # The sequential half. This one runs `conditionals` again at every step: slow, and right by construction. A model
    # that overrides it must agree with it (law 3).

    @cached_property
    def schedule(self) -> Schedule:
        """The groups of sites that a walk visits, one group a step."""
        return one_by_one(self.order)

    def start(self, n: int) -> Any:
        """The state of a walk over n data before its first group."""
        return Canvas(torch.zeros(n, *self.domain.shape, dtype=self.domain.dtype, device=self.device), 0)

    def predict(self, state: Any) -> Distributions:
        """The conditionals of the next group: [n, g]."""
        return self.conditionals(state.x).select_sites(self.schedule[state.step])

    def advance(self, state: Any, values: Tensor) -> Any:
        """The state after the next group took `values` [n, g]; `state` itself stays as it was."""
        x = state.x.clone()
        x.flatten(1)[:, self.schedule[state.step].to(x.device)] = values.to(x)
        return Canvas(x, state.step + 1)

    def absorb(self, x: Tensor, groups: int) -> Any:
        """The state after the first `groups` groups took their values in x [n, *shape]; other values are not read.

        A model with a `start` and states of its own needs its own `absorb` too.
        """
        sites = self.schedule.sites_before(groups).to(x.device)
        canvas = self.start(len(x)).x
        canvas.flatten(1)[:, sites] = x.flatten(1)[:, sites].to(canvas)
        return Canvas(canvas, groups)

    def select(self, state: Any, rows: Tensor) -> Any:
        """The state of these data (int64 [m], which may repeat) of a walk; `state` itself stays as it was.

        States are made of tensors, batch first, and of plain values, in tuples, lists, dictionaries or dataclasses; a
        model with states of another kind needs its own `select`.
        """
        return every_tensor(state, lambda each: each[rows.to(each.device)])

    def run(self, state: Any, choice: Drawing) -> Tensor | None:  # noqa: ARG002
        """All groups that are left, by an inner loop of the model's own that chooses as `choice` would.

        Returns:
            their values [n, sites left], in the order of the schedule; None where there is no such loop.

        Raises:
            ChainruleError: a temperature of 0 or less.
        """
        return None


def _place(cls: type, name: str) -> int:
    """How far from a class, among those that it inherits from, the one is that says what `name` is."""
    return next(number for number, each in enumerate(cls.__mro__) if name in vars(each))


def every_tensor(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same tuples, lists, dictionaries, dataclasses and plain values, with each tensor in them changed."""
    if isinstance(state, Tensor):
        return change(state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{each.name: every_tensor(getattr(state, each.name), change) for each in fields(state)})
    if isinstance(state, dict):
        return {name: every_tensor(part, change) for name, part in state.items()}
    if isinstance(state, tuple | list):
        changed = [every_tensor(part, change) for part in state]
        return type(state)(*changed) if hasattr(state, "_fields") else type(state)(changed)
    return state


@contextmanager
def evaluating(model: Density) -> Iterator[None]:
    """Within the block the model is in evaluation mode (no dropout), not in autocast, and no gradients are recorded.

    Not `inference_mode`: what a model computes once and keeps would be of no use in training ever after.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(model.device.type, enabled=False):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def encoded(domain: Domain, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Data of a domain as a network's input, in the type of its weights."""
    # Numbers of a table keep their digits until they are on the scale of the inputs.
    return domain.encode(x.to(sum_dtype(x) if domain.dtype.is_floating_point else dtype)).to(dtype)


def not_first(model: Density) -> str:
    """Why a model cannot tell the probability of the values there are, where others are missing."""
    return (
        f"values are missing, and no order of this {type(model).__name__} begins with the others; make a MADE with "
        "agnostic='order' (train with --model.agnostic order) and without a number of masks, or drop these rows"
    )


def observed_mask(x: Tensor) -> Tensor:
    """bool [n, D]: which values are there; in tables, missing ones are NaN."""
    return ~x.flatten(1).isnan()


def by_pattern(x: Tensor, whole: Callable[[Tensor], Tensor], part: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """log p of what is known of each datum: [n] nats. Data with the same values missing go together.

    Args:
        x: [n, *shape], NaN where missing.
        whole: gives log p(x) of data of which nothing is missing.
        part: gives log p of the sites of a pattern, bool [D], for data with zeros elsewhere.
    """
    known = observed_mask(x)
    if bool(known.all()):
        return whole(x)
    patterns, which = torch.unique(known, dim=0, return_inverse=True)
    rows = [torch.nonzero(which == number).flatten() for number in range(len(patterns))]
    x = x.nan_to_num(nan=0.0)
    found = [
        whole(x[mine]) if bool(pattern.all()) else part(x[mine], pattern)
        for pattern, mine in zip(patterns, rows, strict=True)
    ]
    return torch.cat(found)[torch.cat(rows).argsort()]


def sum_sites(by_site: Tensor) -> Tensor:
    """Log-probabilities by site [n, *shape], summed for each datum, in float64: [n]."""
    return by_site.flatten(1).sum(1, dtype=sum_dtype(by_site))


def sum_dtype(x: Tensor) -> torch.dtype:
    """float64, where the device has it."""
    return torch.float32 if x.device.type == "mps" else torch.float64
