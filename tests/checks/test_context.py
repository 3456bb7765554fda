"""Check the laws for every context, and models within wrappers."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

import chainrule as cr
from chainrule.checks import check_leak, check_model
from chainrule.distributions import Conditionals
from chainrule.domains import natural
from chainrule.models import AutoregressiveModel
from chainrule.sampling import RecomputingSampler
from tests.support.findings import BATCH, FREQUENCIES, LEAK, SEQUENTIAL, TOTAL, failed_laws

CONTEXT = torch.tensor([[0.0], [1.5], [-2.0]])


class ShiftedByContext(AutoregressiveModel):
    """Compute each logit from the values before its site, and add the context."""

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, natural(domain)
        self.weight = nn.Parameter(torch.linspace(-1, 1, domain.sites))

    def conditionals(self, x, context=None):
        x = self.encode(x)
        shift = torch.zeros(len(x), 1) if context is None else context.to(x)
        return Conditionals(self.logits(x, shift), binary=True)

    def logits(self, x, shift):
        return self.weight * (x.cumsum(1) - x) + shift


class LeaksWithContext(ShiftedByContext):
    """Depend on the site itself where the context is negative."""

    def logits(self, x, shift):
        return super().logits(x, shift) + x * (shift < 0)


class Unnormalised(Conditionals):
    def log_prob(self, x):
        return super().log_prob(x) + 0.25


class UnnormalisedWithContext(ShiftedByContext):
    """Forget to normalise where there is a context."""

    def conditionals(self, x, context=None):
        found = super().conditionals(x, context)
        return found if context is None else Unnormalised(found.logits, binary=True)


class SamplerForgetsContext(ShiftedByContext):
    """Sample without the context."""

    def fast_sampler(self):
        sampler = RecomputingSampler(self)
        prefill = sampler.prefill
        sampler.init_state = lambda n, context=None: RecomputingSampler.init_state(sampler, n)
        sampler.prefill = lambda x, groups, context=None: prefill(x, groups)
        return sampler


class LogProbForgetsContext(ShiftedByContext):
    """Evaluate without the context."""

    def log_prob(self, x, context=None):
        return super().log_prob(x)


class SharesContext(ShiftedByContext):
    """Use the context of the first datum for the whole batch."""

    def log_prob(self, x, context=None):
        return super().log_prob(x, None if context is None else context[:1].expand(len(x), 1))


DOMAIN = cr.Binary((3,))


def test_the_laws_hold_for_every_context():
    report = check_model(ShiftedByContext(DOMAIN), context=CONTEXT)
    assert failed_laws(report) == set(), report
    assert failed_laws(check_model(ShiftedByContext(DOMAIN))) == set()
    assert failed_laws(check_model(ShiftedByContext(DOMAIN), context=CONTEXT.tolist())) == set()


@pytest.mark.parametrize(
    ("kind", "laws"),
    [
        (LeaksWithContext, {LEAK, TOTAL}),
        (UnnormalisedWithContext, {TOTAL}),
        (SamplerForgetsContext, {SEQUENTIAL, FREQUENCIES}),
        (LogProbForgetsContext, {TOTAL, FREQUENCIES}),
        (SharesContext, {TOTAL, BATCH}),
    ],
)
def test_a_fault_that_shows_only_with_a_context_is_found(kind, laws):
    assert failed_laws(check_model(kind(DOMAIN))) == set()
    assert laws <= failed_laws(check_model(kind(DOMAIN), context=CONTEXT))


@pytest.mark.parametrize("wrap", [nn.DataParallel, partial(torch.compile, backend="eager")])
def test_a_wrapped_model_is_checked_as_the_model_itself(wrap):
    model = cr.MADE(DOMAIN, hidden=(4,))
    assert check_model(wrap(model)) == check_model(model)


def test_a_module_that_is_no_density_is_refused():
    with pytest.raises(cr.ChainruleError, match="Linear"):
        check_model(nn.Linear(2, 2))


def test_both_checks_take_true_for_a_progress_bar(capsys):
    check_model(cr.MADE(DOMAIN, hidden=(4,)), progress=True)
    check_leak(lambda x: x.roll(1, 1) * 1, (2,), levels=2, layout="n,d", progress=True)
    assert capsys.readouterr().out == ""
