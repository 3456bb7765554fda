"""Models without their fast samplers."""

from __future__ import annotations

import copy

from chainrule.sampling import RecomputingSampler


def recomputing(model):
    """Return a copy of a model whose sampler runs `conditionals` at every step, one site after the other."""
    model = copy.deepcopy(model)
    kind = type(model)
    model.__class__ = type(kind.__name__, (kind,), {"conditionals": kind.conditionals})
    assert type(model.sampler()) is RecomputingSampler
    assert len(model.sampler().schedule) == model.domain.sites
    return model
