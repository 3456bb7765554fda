"""The contract of every autoregressive model: all conditionals in one parallel pass, and a sampler."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.domains import ArrayLike, Order, as_tensor
from chainrule.errors import ChainruleError
from chainrule.hardware import sum_dtype
from chainrule.models.density import Density, sum_sites
from chainrule.sampling import (
    RecomputingSampler,
    Sampler,
    belongs_with,
    refuse_context,
    with_context,
)


class AutoregressiveModel(Density):
    """A density p(x) = ∏ p(x_i | x_<i) over `domain`, with its sites taken in `order`.

    A new model writes `conditionals` and nothing else. It may also give a `fast_sampler`.
    Source: MADE (arXiv:1502.03509), section 3; PixelRNN (arXiv:1601.06759), equation 1.

    Attributes:
        domain: the space of a datum.
        order: the permutation of the sites.
    """

    order: Order
    required_attributes = {**Density.required_attributes, "order": "the order of the sites, such as raster(domain)"}  # noqa: RUF012
    methods_of_fast_sampler: ClassVar[tuple[str, ...]] = ("conditionals", "predict_conditionals", "encode")
    """The methods that the fast sampler repeats. A class that changes one of them needs a fast sampler of its own."""
    trains_in_bfloat16: ClassVar[bool] = False
    """Whether data of levels may train in bfloat16: on binary data it was measured to be as good as float32."""

    arguments_for_missing_values: ClassVar[Mapping[str, Any]] = {}
    """The constructor's arguments with which the model can be trained on any missing values; empty without such."""

    @abstractmethod
    def conditionals(self, x: ArrayLike, context: Tensor | None = None) -> Distributions:
        """Return the D distributions p(x_i | x_<i) for data x [n, *shape] at once: the definition of the model.

        Args:
            context: [n, ...], where the model takes a context. A model without a context may leave this argument out.
        """

    def predict_conditionals(self, x: Tensor, context: Tensor | None) -> Distributions:
        """Return `conditionals`, called without the argument `context` where there is no context.

        Raises:
            ChainruleError: a context for a model that takes none, or `conditionals` returns no distributions.
        """
        try:
            conditionals = with_context(self.conditionals, x, context=context)
        except TypeError:
            if not self._takes_context():
                refuse_context(context)
            raise
        if not isinstance(conditionals, Distributions):
            raise ChainruleError(
                f"conditionals of this {type(self).__name__} returns a {type(conditionals).__name__}, not "
                "distributions; return domain.conditionals(params)"
            )
        return conditionals

    def _takes_context(self) -> bool:
        """Return whether `conditionals` can be called with a second positional argument."""
        try:
            inspect.signature(self.conditionals).bind(None, None)
        except TypeError:
            return False
        return True

    def log_prob(self, x: ArrayLike, context: Tensor | None = None) -> Tensor:
        x = self.domain.check(x)
        return sum_sites(self.predict_conditionals(x, context).log_prob(x))

    def log_marginal(self, x: ArrayLike, evidence: Tensor, context: Tensor | None = None) -> Tensor:
        if not bool(self.order.is_prefix(evidence).all()):
            raise ChainruleError(f"the evidence is not the first sites of the order of this {type(self).__name__}")
        x = as_tensor(x)
        if not bool(evidence.any()):
            return torch.zeros(len(x), dtype=sum_dtype(x), device=x.device)
        known = evidence.expand(len(x), -1).view(x.shape).to(x.device)
        x = self.domain.check(torch.where(known, x, torch.zeros_like(x)))
        by_site = self.predict_conditionals(x, context).log_prob(x)
        return sum_sites(torch.where(known, by_site, torch.zeros_like(by_site)))

    def condition(self, evidence: Tensor, *, members: int = 1, seed: int = 0) -> Density | None:  # noqa: ARG002
        return self if bool(self.order.is_prefix(evidence)) else None

    @torch.no_grad()
    def sampler(self) -> Sampler:
        """Return the model's fast sampler where it belongs to these conditionals, else one that recomputes them.

        Make a new sampler after the weights have changed.
        """
        fast = self.fast_sampler() if self._fast_sampler_matches() else None
        return RecomputingSampler(self) if fast is None else fast

    def fast_sampler(self) -> Sampler | None:
        """Return a sampler that is faster than recomputing, and equal to it (law 3); None without one."""
        return None

    def _fast_sampler_matches(self) -> bool:
        """Return whether `fast_sampler` was written for the model's conditionals.

        It was, where the class that defines `fast_sampler` also defines or inherits each method that it repeats. A
        subclass that changes `conditionals` alone, or a mixin that does, has another definition of them.
        """
        names = self.methods_of_fast_sampler
        return belongs_with(type(self), "fast_sampler", names) and not any(name in vars(self) for name in names)

    def receptive_field(self) -> Tensor | None:
        """Return who can depend on whom: bool [D, D], row i True at the sites that the conditional of site i reads.

        It follows from the kernels, masks and recurrences of the layers, whatever the weights. Law 6 holds the model to
        it. None where the model does not know.
        """
        return None

    # Facts about the architecture and its training. A model may leave these as they are.

    depth_argument: ClassVar[str] = ""
    """The name of the constructor's argument that sets the number of layers, such as "blocks"; empty without one."""

    @property
    def can_choose_order(self) -> bool:
        """Whether the model was trained for all orders, so that an order can be chosen."""
        return False

    @property
    def trained_for_several_orders(self) -> bool:
        """Whether the model was trained for several orders, of which `order` is one."""
        return False

    def layer_masks(self) -> dict[str, Tensor]:
        """Return the masks of a fully connected network by layer, first to last: bool [out, in]; empty without one.

        The mask named "skip", if there is one, is that of direct connections from inputs to outputs.
        """
        return {}

    def receptive_fields_by_depth(self) -> dict[int, Tensor] | None:
        """Return the receptive fields of the same architecture with fewer layers, bool [D, D] by the number of layers.

        Empty where the architecture is not drawn by depth; None where it is not known.
        """
        return None

    def init_from_data(self, x: Tensor) -> None:
        """Set the parameters that follow from training data without training; by default none do.

        Args:
            x: [n, *shape].
        """
