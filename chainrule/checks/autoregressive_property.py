"""Law 1: the conditional of a site depends only on the sites before it in the order."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from chainrule.checks.check_report import CheckFailed, describe_pairs, law, mask_to_pairs
from chainrule.checks.dependence import Dependence, measure_dependence
from chainrule.checks.variants import OWN_WEIGHTS, PERTURBED_WEIGHTS, require_autoregressive
from chainrule.models import Density


@law("1 no leak")
def check_autoregressive_property(
    model: Density,
    *,
    seed: int = 0,
    context: Tensor | None = None,
    dependence: Callable[[], Dependence] | None = None,
) -> str:
    """Check law 1: output i has zero gradient, and zero change under perturbation, at every site not before i.

    Source: MADE (arXiv:1502.03509), section 3, "the autoregressive property".

    Args:
        model: any model that fulfils the contract of `Density`.
        seed: the seed of the data and of the noise on the weights.
        context: [m, ...], for a model that takes a context: the rows to check at.
        dependence: returns the model's dependence, if it was measured before.

    Returns:
        a `Finding`; its `pairs` are all the leaks.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> check_autoregressive_property(MADE(Binary((1, 2, 2)))).passed
        True
    """
    model = require_autoregressive(model)
    measured = dependence() if dependence else measure_dependence(model, seed=seed, context=context)
    leaks = measured.matrix & ~model.order.before
    if bool(leaks.any()):
        at_own_weights = bool((measured.matrix_at_own_weights & leaks).any())
        pairs = mask_to_pairs(leaks)
        where = OWN_WEIGHTS if at_own_weights else PERTURBED_WEIGHTS
        raise CheckFailed(f"{describe_pairs(model.domain, pairs)}{where}", pairs)
    sites = model.domain.sites
    return (
        f"{sites} conditionals against {sites} inputs, {measured.method}, at the model's own and at perturbed weights"
    )
