"""Test uses that once gave wrong results."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import chainrule as cr
from chainrule.distributions import Conditionals


class Shifted(cr.AutoregressiveModel):
    """As in the guide: uses its order both in evaluation and in training."""

    def __init__(self, domain, seed=0):
        super().__init__()
        self.domain, self.seed, self.order = domain, seed, cr.Order(tuple(range(domain.sites)))
        self.weight = nn.Parameter(torch.full((domain.sites,), 0.1))

    def conditionals(self, x):
        x = self.encode(x).flatten(1)[:, self.order.sites]
        return self.domain.conditionals((nn.functional.pad(x, (1, -1)) * self.weight)[:, self.order.rank].unsqueeze(-1))


def test_a_model_can_be_trained_after_it_was_evaluated_and_sampled():
    x = torch.tensor([[0, 0, 0], [1, 1, 1]]).repeat(20, 1)
    model = Shifted(cr.Binary((3,)))
    before = cr.evaluate(model, x).nats
    cr.sample(model, 2)
    cr.fit(model, x, epochs=20, lr=0.1, progress=False)
    assert cr.evaluate(model, x).nats < before - 0.3


class Dropped(Shifted):
    def conditionals(self, x):
        keep = nn.functional.dropout(torch.ones(len(x), 1), 0.5, self.training)
        return Conditionals(super().conditionals(x).logits * keep, binary=True)


def test_dropout_is_a_function_of_the_seed_and_leaves_the_global_state():
    x = torch.tensor([[0, 0, 0], [1, 1, 1]]).repeat(20, 1)
    weights = []
    for _ in range(2):
        before = torch.get_rng_state()
        model = Dropped(cr.Binary((3,)))
        cr.fit(model, x, epochs=3, batch_size=8, progress=False, seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        weights.append(model.weight.detach().clone())
        torch.rand(1)
    assert torch.equal(*weights)


def test_evaluation_leaves_each_part_in_its_mode():
    model = cr.PixelCNN(cr.Binary((1, 3, 3)), blocks=1, features=2)
    model.train()
    model.stack.eval()
    cr.evaluate(model, torch.zeros(2, 1, 3, 3))
    assert model.training
    assert not model.stack[0].training


def test_the_last_of_many_levels_is_drawn_as_often_as_it_is_likely():
    logits = torch.randn(50, 256, generator=torch.Generator().manual_seed(0)) * 3
    logits[:, -1] = -torch.inf
    edge = torch.full((50,), 1 - 2**-53, dtype=torch.float64)
    assert Conditionals(logits, binary=False).icdf(edge).max() < 255
    last = torch.nn.functional.one_hot(torch.tensor(255), 256) * 1e3
    assert Conditionals(last.float().unsqueeze(0), binary=False).icdf(torch.zeros(1, dtype=torch.float64)).item() == 255


@pytest.mark.parametrize("temperature", [1e-38, 1e-3, 1e38])
def test_extreme_temperatures_are_no_accident(temperature):
    logits = torch.tensor([[1.0, 2.0, 9.0]])
    table = Conditionals(logits, binary=False).tempered(temperature).probs
    wanted = torch.tensor([[0.0, 0.0, 1.0]]) if temperature < 1 else torch.full((1, 3), 1 / 3)
    torch.testing.assert_close(table, wanted)


def test_more_completions_leave_the_first_ones_as_they_are():
    model, x = cr.MADE(cr.Binary((1, 3, 3))), torch.zeros(3, 1, 3, 3)
    top = torch.zeros(1, 3, 3, dtype=torch.bool)
    top[:, :1] = True
    assert torch.equal(cr.complete(model, x, top, n=2), cr.complete(model, x, top, n=5)[:, :2])


def test_completion_takes_arrays():
    model, x = cr.MADE(cr.Binary((4,))), np.ones((2, 4), np.uint8)
    assert cr.complete(model, x, np.array([True, False, False, False]))[:, :, 0].tolist() == [[1], [1]]


def test_a_name_of_the_library_stays_its_own(tmp_path):
    kind = type("MADE", (cr.MADE,), {})
    cr.save(cr.MADE(cr.Binary((3,))), tmp_path / "ours")
    assert type(cr.load(tmp_path / "ours")) is cr.MADE
    with pytest.raises(cr.ChainruleError, match="another class has the name MADE"):
        cr.save(kind(cr.Binary((3,))), tmp_path / "theirs")


def test_each_tensor_comes_back_in_its_own_type(tmp_path):
    model = cr.MADE(cr.Binary((3,)), hidden=(4,))
    model.output.weight.data = model.output.weight.data.double()
    cr.save(model, tmp_path / "mixed")
    types = {name: tensor.dtype for name, tensor in cr.load(tmp_path / "mixed").state_dict().items()}
    assert types == {name: tensor.dtype for name, tensor in model.state_dict().items()}


def test_data_of_another_domain_are_refused():
    with pytest.raises(cr.ChainruleError, match="the data are of Binary"):
        cr.fit(cr.MADE(cr.Levels((1, 8, 8), 256), hidden=(2,)), cr.load_data("digits", binarize="threshold"), epochs=1)


def test_a_pixel_cnn_has_a_feature_for_each_colour():
    with pytest.raises(cr.ChainruleError, match="a feature for each of the 3 colours"):
        cr.PixelCNN(cr.Binary((3, 2, 2)), features=2)


@pytest.fixture
def scored(tmp_path, capsys):
    """Trains as the README does in Python, and evaluates on the command line."""

    def score(data, source: str, valid=None):
        from chainrule.cli import main

        domain = cr.Binary(tuple(data.shape[1:])) if not hasattr(data, "preprocessing") else cr.Binary(data.shape)
        cr.fit(cr.Independent(domain), data, valid, out=tmp_path / "run", epochs=1, progress=False)
        status = main(["evaluate", str(tmp_path / "run"), "--data", source])
        return status, capsys.readouterr()

    return score


def test_a_run_from_python_is_evaluated_on_the_split_that_it_was_made_with(scored):
    data = cr.load_data("digits", binarize="threshold", seed=5)
    status, said = scored(data.train, "digits", data.valid)
    assert status == 0
    assert "n = 250" in said.out
    known = int(torch.isin(data.test.fingerprints(), data.train.fingerprints()).sum())
    assert (f"{known} of 250 data" in said.err) == (known > 0)
    assert known < 50  # other than a split with another seed would have


def test_a_source_that_would_be_split_anew_is_refused(scored, tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (40, 6), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    status, said = scored(torch.from_numpy(x[:30]), str(tmp_path / "x.npy"))
    assert status == 2
    assert "would mix training data into the test" in said.err


def test_test_data_that_training_has_seen_are_counted(scored, tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (40, 20), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", test=x[25:35])
    status, said = scored(torch.from_numpy(x[:30]), str(tmp_path / "x.npz"))
    assert status == 0
    assert "5 of 10 data in the test split" in said.err
