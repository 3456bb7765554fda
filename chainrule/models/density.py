"""The contract of every density: likelihoods, conditioning on evidence, and samples."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from chainrule.domains import ArrayLike, Domain, encode_as
from chainrule.errors import ChainruleError, MissingValuesError
from chainrule.hardware import sum_dtype
from chainrule.progress import ProgressCallback, report_progress
from chainrule.sampling import (
    BATCH_SIZE,
    Sampler,
    as_context,
    decode_batches,
    with_context,
)
from chainrule.seeding import Seed, as_seed


class Density(nn.Module, ABC):
    """A density p(x) over `domain`.

    A constructor keeps each of its arguments as an attribute of the same name: saving a model writes these down.

    Attributes:
        domain: the space of a datum.
    """

    domain: Domain
    required_attributes: ClassVar[Mapping[str, str]] = {"domain": "the space of a datum, such as Binary((28, 28))"}
    """The attributes that a constructor must set, each with an example for the error message."""
    classes: ClassVar[dict[str, type[Density]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = Density.classes.get(cls.__name__)
        if known is None or not known.__module__.startswith("chainrule."):  # the library's own classes keep their names
            Density.classes[cls.__name__] = cls

    @abstractmethod
    def log_prob(self, x: ArrayLike, context: Tensor | None = None) -> Tensor:
        """Return log p(x) in nats, [n], summed over sites in float64.

        Args:
            x: data [n, *shape].
            context: [n, ...], where the model takes a context.

        Raises:
            ChainruleError: data of another shape, or values outside the domain.
        """

    @abstractmethod
    def log_marginal(self, x: ArrayLike, evidence: Tensor, context: Tensor | None = None) -> Tensor:
        """Return log p(x_e) in nats, [n]: of the sites of the evidence, with all other sites summed out.

        It is exact: the evidence must be a prefix of the order. `condition` finds a model of which it is.

        Args:
            x: [n, *shape]; values outside the evidence are not read.
            evidence: bool [D], or [n, D].
            context: [n, ...], where the model takes a context.

        Raises:
            ChainruleError: data of another shape, values outside the domain, or evidence that is no prefix.
        """

    @abstractmethod
    def condition(self, evidence: Tensor, *, members: int = 1, seed: int = 0) -> Density | None:
        """Return a density of the same family whose order begins with the evidence, so that it is exact on it.

        Args:
            evidence: bool [D].
            members: the number of members to take of a family of many orders; several members make an ensemble.
            seed: draws the orders of the members.

        Returns:
            None where there is no such density.
        """

    @property
    def has_members(self) -> bool:
        """Whether the model is a family of several members, which `condition` can average."""
        return False

    def check_members(self, n: int) -> int | None:
        """Check a number of members, and return the number of members of the model; None where it has no end.

        Raises:
            ChainruleError: n < 1, or more members than there are.
        """
        if n != 1:
            raise ChainruleError(f"the number of members must be 1, not {n}")
        return 1

    def __getattr__(self, name: str) -> Any:
        if name in type(self).required_attributes:
            raise ChainruleError(
                f"this {type(self).__name__} has no {name}; set self.{name} to {self.required_attributes[name]}"
            )
        return super().__getattr__(name)

    @property
    def components(self) -> Sequence[Density]:
        """The densities whose probabilities this density averages; empty for a density with an order of its own."""
        return ()

    def sampler(self) -> Sampler:
        """Return a sampler, which gives the conditionals of one group of sites after the other.

        Raises:
            ChainruleError: a density without an order of its own.
        """
        remedy = "; make a sampler of one of its components" if self.components else ""
        raise ChainruleError(f"{self.display_name} has no order of its own, and so no sampler{remedy}")

    def sample(
        self,
        n: int,
        *,
        seed: Seed = 0,
        temperature: float = 1.0,
        context: ArrayLike | None = None,
        batch_size: int = BATCH_SIZE,
        progress: bool | ProgressCallback = False,
    ) -> Tensor:
        """Draw n data: [n, *shape] in the dtype of the domain, on the CPU.

        Datum i depends on the seed and on i alone: neither the batch size nor the schedule changes it.

        Args:
            seed: an integer, or a torch generator.
            temperature: 1 draws from p itself; a lower temperature prefers the likelier values at each site.
            context: [n, ...], where the model takes a context.
            batch_size: the number of data that are drawn at once, at most.
            progress: True shows a progress bar; a callable is called with the number of finished data.

        Raises:
            ChainruleError: n < 1, or a temperature of 0 or less.

        Example:
            >>> import chainrule as cr
            >>> cr.MADE(cr.Binary((3,)), hidden=(8,)).sample(5, seed=1).shape
            torch.Size([5, 3])
        """
        if n < 1:
            raise ChainruleError(f"the number of samples must be at least 1, not {n}")
        x = torch.zeros(n, *self.domain.shape, dtype=self.domain.dtype)
        evidence, keys = torch.zeros_like(x, dtype=torch.bool), [(datum, 0) for datum in range(n)]
        with report_progress(progress, "sampling", n) as report:
            return decode_batches(
                self, x, evidence, keys, seed=as_seed(seed), context=as_context(context, n),
                temperature=temperature, batch_size=batch_size, progress=report,
            )  # fmt: skip

    def forward(self, x: Tensor, update: int = 0, context: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return log p of the observed values of each datum, [n] nats. Training calls it, through wrappers such as DDP.

        Args:
            x: [n, *shape]; missing values of a table are NaN.
            update: the index of the update: a family of models may train another member in each update.
            context: [n, ...], where the model takes a context.

        Raises:
            ChainruleError: missing values, and no order that begins with the observed values.
        """

        def whole(x: Tensor, context: Tensor | None) -> Tensor:
            return with_context(self.log_prob, x, context=context)

        return log_prob_by_pattern(x, context, whole, self._log_prob_of_observed)

    def _log_prob_of_observed(self, x: Tensor, evidence: Tensor, context: Tensor | None) -> Tensor:
        """Return `log_marginal` of this evidence, bool [D], by a density that is exact on it."""
        density = self.condition(evidence.cpu())
        if density is None:
            raise self.missing_values_error()
        return with_context(density.log_marginal, x, evidence, context=context)

    def trains_on(self, evidence: Tensor) -> bool:
        """Return whether training takes data of which only these sites, bool [D], are observed."""
        return self.condition(evidence) is not None

    def missing_values_error(self) -> MissingValuesError:
        """Return the error to raise where values are missing and no order of the model begins with the others."""
        return MissingValuesError(
            f"values are missing, and no order of this {type(self).__name__} begins with the others; take a model that "
            "was trained for all orders, with agnostic='order' and without a number of masks, or drop these rows"
        )

    @property
    def display_name(self) -> str:
        """The name of the model for people: the name of its class, unless a class has a better one."""
        return type(self).__name__

    @property
    def bytes_per_datum(self) -> int:
        """The memory that decoding takes for each datum, roughly: its values, and the caches of the model."""
        return 8 * self.domain.sites

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which data must be."""
        return self._weight.device

    def encode(self, x: ArrayLike) -> Tensor:
        """Return the data as a network's input, in the dtype of the weights."""
        return encode_as(self.domain, x, self._weight.dtype)

    @property
    def _weight(self) -> Tensor:
        return next(self.parameters(), torch.empty(0))  # a model need not have any

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, by name.

        Raises:
            ChainruleError: the constructor does not keep an argument, or takes arguments without names.
        """
        return {each.name: self._kept_argument(each) for each in inspect.signature(type(self)).parameters.values()}

    def _kept_argument(self, parameter: inspect.Parameter) -> Any:
        """Return the attribute of the same name as an argument of the constructor."""
        name, cls = parameter.name, type(self).__name__
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ChainruleError(f"the constructor of {cls} must name each of its arguments in place of {parameter}")
        try:
            return getattr(self, name)
        except (AttributeError, RecursionError):  # recursion: an argument with the name of the property
            # Not an AttributeError: within a property, nn.Module would report the property itself as missing.
            raise ChainruleError(
                f"the constructor of {cls} does not keep its argument {name} as an attribute; set self.{name} = {name}"
            ) from None


def as_density(model: nn.Module) -> Density:
    """Return the density itself, or the density within a wrapper (`DataParallel`, `torch.compile`).

    Raises:
        ChainruleError: no density, or one without a domain, or an autoregressive model without an order.
    """
    inner = model
    while not isinstance(inner, Density):
        wrapped = getattr(inner, "_orig_mod", None) or getattr(inner, "module", None)
        if not isinstance(wrapped, nn.Module):
            raise ChainruleError(f"a model of chainrule is needed, and a {type(model).__name__} is none")
        inner = wrapped
    for name in inner.required_attributes:
        getattr(inner, name)  # an error says which is missing
    return inner


def observed_mask(x: Tensor) -> Tensor:
    """Return the mask of the observed values, bool [n, D]; missing values of a table are NaN."""
    return ~x.flatten(1).isnan()


def log_prob_by_pattern(
    x: Tensor,
    context: Tensor | None,
    whole: Callable[[Tensor, Tensor | None], Tensor],
    part: Callable[[Tensor, Tensor, Tensor | None], Tensor],
) -> Tensor:
    """Return log p of the observed values of each datum, [n] nats. Data with the same values missing go together.

    Args:
        x: [n, *shape], NaN where missing.
        context: [n, ...], or None.
        whole: gives log p(x) of data without missing values.
        part: gives log p of the sites of a pattern, bool [D], for data with zeros elsewhere.
    """
    observed = observed_mask(x)
    if bool(observed.all()):
        return whole(x, context)
    patterns, which = torch.unique(observed, dim=0, return_inverse=True)
    rows = [torch.nonzero(which == number).flatten() for number in range(len(patterns))]
    x = x.nan_to_num(nan=0.0)
    contexts = [None if context is None else context[mine] for mine in rows]
    log_probs = [
        whole(x[mine], its) if bool(pattern.all()) else part(x[mine], pattern, its)
        for pattern, mine, its in zip(patterns, rows, contexts, strict=True)
    ]
    return torch.cat(log_probs)[torch.cat(rows).argsort()]


def sum_sites(by_site: Tensor) -> Tensor:
    """Sum log-probabilities by site [n, *shape] for each datum, in float64: [n]."""
    return by_site.flatten(1).sum(1, dtype=sum_dtype(by_site))
