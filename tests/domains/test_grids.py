"""Binary domains and domains of levels: their encoding, descriptions, and the values they refuse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from chainrule.domains import Binary, Levels, domain_from_dict
from chainrule.errors import ChainruleError


def test_outcomes_are_all_data_each_once():
    domain = Levels((2, 2), 3)
    outcomes = torch.cat(list(domain.outcomes(batch_size=7)))
    assert outcomes.shape == (81, 2, 2)
    assert outcomes.flatten(1).tolist() == [list(each) for each in itertools.product(range(3), repeat=4)]


def test_encode_scales_levels_to_minus_one_to_one():
    assert Binary((2,)).encode(torch.tensor([0.0, 1.0])).tolist() == [-1, 1]
    encoded = Levels((1,), 256).encode(torch.arange(256.0))
    torch.testing.assert_close(encoded, torch.linspace(-1, 1, 256))


def test_sites_are_described_by_row_column_and_channel():
    assert Binary((5,)).describe_site(3) == "site 3"
    assert Binary((2, 3)).describe_site(4) == "site 4"
    assert Binary((1, 3, 4)).describe_site(6) == "row 1, column 2"
    assert Binary((3, 3, 4)).describe_site(12 + 6) == "row 1, column 2, G"
    assert Binary((2, 3, 4)).describe_site(12 + 6) == "row 1, column 2, channel 1"


@pytest.mark.parametrize("domain", [Binary((3,)), Binary((1, 2, 3)), Levels((3, 4, 4), 256)])
def test_a_domain_is_restored_from_its_description(domain):
    assert domain_from_dict(domain.to_dict()) == domain


@pytest.mark.parametrize(
    "description",
    [{}, {"kind": "Real", "shape": [2]}, {"kind": "Binary"}, {"kind": "Binary", "shape": [2], "levels": 2}],
)
def test_unknown_descriptions_are_refused(description):
    with pytest.raises(ChainruleError, match="not a domain that this version knows"):
        domain_from_dict(description)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Binary(()), "sizes of at least 1"),
        (lambda: Binary((3, 0)), "sizes of at least 1"),
        (lambda: Levels((3,), 1), "levels must be 2 to 256, not 1"),
        (lambda: Levels((3,), 257), "levels must be 2 to 256, not 257"),
        (lambda: Levels((3,), 4).check(torch.tensor([[0, 4, 1]])), "0 … 3, and these go from 0 to 4"),
        (lambda: Levels((3,), 4).check(torch.tensor([[0, -1, 1]])), "0 … 3, and these go from -1 to 1"),
        (lambda: Binary((3,)).check(torch.zeros(3)), r"\[n, 3\], not \[3\]"),
    ],
)
def test_bad_shapes_levels_and_values_are_refused(make, words):
    with pytest.raises(ChainruleError, match=words):
        make()


def test_check_returns_the_data_and_accepts_an_empty_batch():
    x = torch.tensor([[0, 1, 1]])
    assert Binary((3,)).check(x) is x
    assert len(Binary((3,)).check(torch.empty(0, 3))) == 0


ARRAYS = {
    "lists": [[0, 1, 2], [3, 0, 1]],
    "bytes": np.array([[0, 1, 2], [3, 0, 1]], dtype=np.uint8),
    "big-endian": np.array([[0, 1, 2], [3, 0, 1]], dtype=">u2"),
    "reversed floats": np.array([[2, 1, 0], [1, 0, 3]], dtype=np.float32)[:, ::-1],
    "read-only": np.broadcast_to(np.array([[0, 1, 2], [3, 0, 1]]), (2, 3)),
    "a tensor": torch.tensor([[0, 1, 2], [3, 0, 1]]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_check_and_encode_take_arrays_and_lists_like_tensors(name):
    domain, x, expected = Levels((3,), 4), ARRAYS[name], torch.tensor([[0, 1, 2], [3, 0, 1]])
    assert domain.check(x).tolist() == expected.tolist()
    assert domain.encode(x).tolist() == domain.encode(expected.float()).tolist()
    assert domain.encode(x).is_floating_point()


@pytest.mark.parametrize("x", ["0101", [[0, 1], [1]], np.array([["a"]]), np.array([[None]]), None, {"a": [0]}])
def test_check_refuses_what_is_no_array_of_numbers(x):
    with pytest.raises(ChainruleError, match="data must be a tensor, or an array or lists of numbers, not this"):
        Binary((2,)).check(x)


@pytest.mark.parametrize("domain", [Binary((3,)), Binary((1, 2, 3)), Levels((3, 2, 2), 5), Levels((1, 1, 1), 2)])
def test_flat_parameters_give_the_distributions_of_parameters_by_site(domain):
    params = torch.randn(4, *domain.initial_params.shape, generator=torch.Generator().manual_seed(0))
    flat = params.flatten(1)
    assert flat.shape == (4, domain.outputs.sum())
    assert torch.equal(domain.conditionals(flat).logits, domain.conditionals(params).logits)
    assert domain.conditionals(flat).shape == (4, *domain.shape)


def test_parameters_of_another_shape_are_refused():
    domain = Levels((1, 2, 2), 3)
    for shape in [(4, 11), (4, 1, 2, 2), (4, 4, 3), (12,)]:
        with pytest.raises(ChainruleError, match=r"takes parameters of shape \[n, 12\] or \[n, 1, 2, 2, 3\], not"):
            domain.conditionals(torch.zeros(shape))


def test_initial_parameters_make_all_levels_equally_likely():
    domain = Levels((2, 2), 5)
    torch.testing.assert_close(domain.conditionals(domain.initial_params[None]).probs, torch.full((1, 2, 2, 5), 0.2))


def test_random_data_lie_in_the_domain_and_perturbed_data_differ_everywhere():
    domain, rng = Levels((1, 3, 4), 4), torch.Generator().manual_seed(0)
    x = domain.check(domain.random_data(50, rng))
    assert x.unique().tolist() == [0, 1, 2, 3]
    shifted, low, high = domain.perturb(x, rng)
    assert bool((shifted != x).all())
    assert (low.unique().tolist(), high.unique().tolist()) == ([0], [3])
