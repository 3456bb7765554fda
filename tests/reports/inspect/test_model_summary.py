"""The summary of a model has its parameters, its masks, its steps, and its receptive fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainrule.domains import Binary
from chainrule.figures import LEAK, site_states
from chainrule.models import MADE, Independent, PixelCNN, PixelRNN
from chainrule.reports.inspect import find_receptive_fields, summarise_model, summary_rows, weight_rows
from chainrule.reports.inspect.model_summary import (
    MAX_MEASURED_SITES,
    describe_order,
    group_weights,
    summarise_weights,
)
from tests.support.figures import COLOUR, GRAY, ROWS
from tests.support.own_models import LastToFirst, SeesItself


@pytest.mark.parametrize(
    "model",
    [PixelCNN(COLOUR, blocks=2, features=4), PixelRNN(COLOUR, "row", layers=2, features=4), Independent(ROWS)],
    ids=["pixelcnn", "row", "independent"],
)
def test_a_summary_counts_all_parameters(model):
    summary = summarise_model(model, find_receptive_fields(model))
    assert summary.parameters == sum(each.numel() for each in model.parameters())
    assert summary.steps == len(model.sampler().schedule)
    assert sum(each.parameters * count for each, count in group_weights(summary.weights)) == summary.parameters
    seen, rank = model.receptive_field(), model.order.rank
    before = rank[None, :] < rank[:, None]
    assert summary.past_seen == pytest.approx((seen & before).sum().item() / before.sum().item())


def test_the_open_share_is_that_of_the_mask():
    model = MADE(ROWS, hidden=(7, 5))
    shares = {each.name: each.open for each in summarise_weights(model)}
    assert shares["layers.1.weight"] == pytest.approx(model.layers[1].mask.float().mean().item())
    assert shares["layers.1.bias"] is None
    assert [row[0] for row in weight_rows(summarise_model(model, None))][:2] == ["layers.0.weight", "layers.0.bias"]
    assert ("stack.*.spread.bias", "4", "3 × 4", "–") in weight_rows(summarise_model(PixelCNN(GRAY, 3, 4), None))


@pytest.mark.parametrize(
    ("share", "text"), [(0.999549, "99.95 %"), (1 - 1e-6, "99.9999 %"), (1e-4, "0.01 %"), (1.0, "100 %"), (0.0, "0 %")]
)
def test_no_share_is_rounded_to_0_or_100_per_cent(share, text):
    summary = summarise_model(MADE(ROWS, hidden=(3,)), None)
    weights = (replace(summary.weights[0], open=share),)
    summary = replace(summary, past_seen=share, weights=weights, how="so")
    assert dict(summary_rows(summary))["past seen"] == f"{text} (so)"
    assert weight_rows(summary)[0][-1] == text


def test_unknown_receptive_fields_are_measured():
    model = LastToFirst(ROWS)
    fields = find_receptive_fields(model)
    assert fields.how.startswith("by trying")
    assert fields.seen.nonzero().tolist() == [[site, site + 1] for site in range(5)]
    summary = summarise_model(model, fields)
    assert summary.past_seen == pytest.approx(5 / 15)
    assert summary.order == "its own: 5, 4, 3, 2, 1, 0"
    assert site_states(find_receptive_fields(SeesItself(ROWS)).seen, model.order, 2)[2] == LEAK


def test_too_many_sites_are_not_measured():
    model = LastToFirst(Binary((MAX_MEASURED_SITES + 1,)))
    assert find_receptive_fields(model) is None
    summary = summarise_model(model, None)
    assert summary.past_seen is None
    assert summary.how.startswith("not known")


def test_a_model_is_shown_with_its_display_name():
    for cell, name in {"row": "Row LSTM(cell=row, layers=1,", "diagonal": "Diagonal BiLSTM(cell=diagonal,"}.items():
        assert summarise_model(PixelRNN(GRAY, cell, layers=1, features=1), None).model.startswith(name)


@pytest.mark.parametrize(
    ("agnostic", "family"), [(None, False), ("connectivity", False), ("order", True), ("both", True)]
)
def test_the_order_says_whether_the_model_has_other_orders(agnostic, family):
    assert describe_order(MADE(ROWS, hidden=(3,), agnostic=agnostic)).endswith(", of a family of orders") == family
