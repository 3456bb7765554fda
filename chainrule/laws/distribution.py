"""Law 2: the probabilities of all data sum to 1."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from chainrule.laws.report import Broken, law
from chainrule.laws.subject import outcomes_in_words, random_data, variants
from chainrule.models.base import AutoregressiveModel, Density

ENUMERABLE = 2**16

DATA = 16
"""Random data at which `log_prob` is compared with the conditionals."""

ROUNDING = 2e-6
"""How far two float32 computations of a site's log-probability may lie apart, in nats: some units in the last place."""

SLACK = 1e-4
"""How far a total may lie from 1. float32 rounds by 1e-7 for each site: that does not add up to a tenth of this."""


@law("2 a distribution")
@torch.no_grad()
def is_distribution(model: Density, seed: int = 0) -> str:
    """Law 2: Σ_x p(x) = 1, by enumeration of up to 2^16 outcomes.

    Larger domains cannot be enumerated. There, that each conditional sums to 1 over its values, and that `log_prob` is
    the sum of the conditionals, implies it, with law 1; both are tried on all domains, at random data. Of an ensemble
    they are tried on each member: an average of distributions is one.
    """
    enumerable = model.domain.levels**model.domain.sites <= ENUMERABLE
    for which, each in variants(model, seed):
        x = random_data(each, DATA, seed)
        members = [part for part in each.modules() if isinstance(part, AutoregressiveModel)]
        for member in members:
            check_sites(member, x[:2], which)
        if enumerable:
            check_total(each, which)
        for member in members:
            check_log_prob(member, x, which)
    if enumerable:
        return f"enumerated {model.domain.levels**model.domain.sites} outcomes"
    return f"by law 1 and normalised conditionals ({outcomes_in_words(model)} are too many to enumerate)"


def check_sites(model: AutoregressiveModel, x: Tensor, which: str) -> None:
    """Every conditional at data x [n, *shape] sums to 1 over its values."""
    conditionals = model.conditionals(x)
    by_value = [conditionals.log_prob(torch.full_like(x, value)).cpu().double() for value in range(model.domain.levels)]
    total = torch.stack(by_value).exp().sum(0).flatten(1)
    off = (total - 1).abs()
    if bool((off <= SLACK).all()):  # which a NaN is not
        return
    row, site = divmod(int(off.argmax()), model.domain.sites)
    where = model.domain.describe_site(site)
    raise Broken(f"the conditional of {where} sums to {total[row, site].item():.6g} over its values, not to 1{which}")


def check_total(model: Density, which: str) -> None:
    """All data of the domain together have probability 1."""
    parts = [model.log_prob(x.to(model.device)).cpu().double().exp().sum() for x in model.domain.outcomes()]
    total = torch.stack(parts).sum().item()
    if not abs(total - 1) <= SLACK:
        raise Broken(f"the probabilities of all {outcomes_in_words(model)} sum to {total:.6g}, not to 1{which}")


def check_log_prob(model: AutoregressiveModel, x: Tensor, which: str) -> None:
    """`log_prob`, which a model may have written anew, is the sum of its conditionals.

    These come from a copy that has not seen the data, and from the table of all values, not from `log_prob` by site:
    neither can have looked up what the values are.
    """
    table = copy.deepcopy(model).conditionals(x).log_table.cpu().double().flatten(1, -2)
    wanted = table.gather(-1, x.flatten(1).cpu().long().unsqueeze(-1)).squeeze(-1).sum(1)
    got = model.log_prob(x).cpu().double()
    if not torch.allclose(got, wanted, rtol=0, atol=ROUNDING * model.domain.sites):
        apart = (got - wanted).abs().max().item()
        raise Broken(f"log_prob is not the sum of the conditionals: {apart:.3g} nats lie between them{which}")
