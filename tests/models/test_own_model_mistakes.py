"""Mistakes in a user's own model: each is reported in one line that says how to correct it."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.checks import check_model
from chainrule.domains import raster

DOMAIN = cr.Binary((3,))
X = torch.tensor([[0, 1, 1], [1, 0, 0]])


class Complete(cr.AutoregressiveModel):
    """Independent sites: a model without mistakes, from which the others are made."""

    def __init__(self, missing=""):
        super().__init__()
        self.missing = missing
        for name, value in {"domain": DOMAIN, "order": raster(DOMAIN)}.items():
            if name != missing:
                setattr(self, name, value)
        self.bias = torch.nn.Parameter(torch.zeros(3, 1))

    def params(self, x):
        return self.bias.expand(len(x), 3, 1)

    def conditionals(self, x):
        return self.domain.conditionals(self.params(x))


class ReturnsTensor(Complete):
    def conditionals(self, x):
        return self.params(x)


class ReturnsNothing(Complete):
    def conditionals(self, x):
        self.params(x)


class FailsInside(Complete):
    def conditionals(self, x, context=None):
        return len(3)


TASKS = {
    "fit": lambda model: cr.fit(model, X, epochs=1, progress=False),
    "sample": lambda model: cr.sample(model, 2),
    "evaluate": lambda model: cr.evaluate(model, X),
    "check_model": lambda model: raise_findings(check_model(model)),
}


def raise_findings(report):
    """Raise the first failure of a report as an error."""
    failed = [finding.detail for finding in report.findings if not finding.passed]
    if failed:
        raise cr.ChainruleError(failed[0])


def error_of(call, *args, **kwargs):
    with pytest.raises(cr.ChainruleError) as error:
        call(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_without_mistakes_fulfils_every_task(task):
    TASKS[task](Complete())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("order", "set self.order to the order of the sites, such as raster(domain)"),
        ("domain", "set self.domain to the space of a datum, such as Binary((28, 28))"),
    ],
)
def test_a_missing_attribute_is_named(task, name, advice):
    assert error_of(TASKS[task], Complete(name)) == f"this Complete has no {name}; {advice}"


@pytest.mark.parametrize("name", ["order", "domain"])
def test_a_missing_attribute_is_named_by_the_methods_of_the_model(name):
    model = Complete(name)
    assert f"this Complete has no {name}" in error_of(model.sample, 2)
    assert f"this Complete has no {name}" in error_of(model.sampler)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("cls", "found"), [(ReturnsTensor, "Tensor"), (ReturnsNothing, "NoneType")])
def test_conditionals_of_another_type_are_refused(task, cls, found):
    message = f"conditionals of this {cls.__name__} returns a {found}, not distributions; return domain.conditionals("
    assert message in error_of(TASKS[task], cls())


TASKS_WITH_CONTEXT = {
    "sample": lambda model, context: cr.sample(model, 2, context=context),
    "evaluate": lambda model, context: cr.evaluate(model, X, context=context),
    "check_model": lambda model, context: raise_findings(check_model(model, context=context)),
    "log_prob": lambda model, context: model.log_prob(X, context),
}


@pytest.mark.parametrize("task", TASKS_WITH_CONTEXT)
def test_a_context_is_refused_by_conditionals_that_take_none(task):
    message = "this model takes no context; leave context out"
    assert message in error_of(TASKS_WITH_CONTEXT[task], Complete(), torch.tensor([0, 1]))


@pytest.mark.parametrize("context", [None, torch.tensor([0, 1])])
def test_a_type_error_within_conditionals_is_not_hidden(context):
    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        FailsInside().log_prob(X, context)


class ForgetsWidth(Complete):
    def __init__(self, missing="", width=3):
        super().__init__(missing)


class TakesMore(Complete):
    def __init__(self, **more):
        super().__init__(**more)


def test_an_argument_that_is_not_kept_is_named(tmp_path):
    message = "the constructor of ForgetsWidth does not keep its argument width as an attribute; set self.width = width"
    assert error_of(lambda: ForgetsWidth().arguments) == message
    assert error_of(cr.save, ForgetsWidth(), tmp_path / "m") == f"ForgetsWidth cannot be saved: {message}"


def test_arguments_without_names_are_refused():
    message = "the constructor of TakesMore must name each of its arguments in place of **more"
    assert error_of(lambda: TakesMore().arguments) == message
