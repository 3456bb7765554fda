"""Law 1: the conditional of a site sees the sites before it, and no others."""

from __future__ import annotations

from chainrule.checks.dependence import Look, dependence
from chainrule.checks.report import Broken, law, pairs_in_words, pairs_of
from chainrule.checks.variants import AS_IT_IS, MOVED, of_one_order
from chainrule.models.base import Density


@law("1 no leak")
def no_leak(model: Density, seed: int = 0, look: Look | None = None) -> str:
    """Law 1: output i has zero gradient, and zero change under perturbation, for every site not before i in the order.

    Args:
        model: any that fulfils the contract.
        seed: draws the data, and the noise that moves the weights.
        look: gives who sees whom, where that is known already.

    Returns:
        a Finding; its `pairs` are all the leaks.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> no_leak(MADE(Binary((1, 2, 2)))).passed
        True
    """
    model = of_one_order(model)
    seen = look() if look else dependence(model, seed)
    wrong = seen.ever & ~model.order.before
    if bool(wrong.any()):
        now = bool((seen.now & wrong).any())
        raise Broken(pairs_in_words(model.domain, pairs_of(wrong)) + (AS_IT_IS if now else MOVED), pairs_of(wrong))
    return f"{model.domain.sites} conditionals against as many inputs, {seen.how}, at these and at moved weights"
