"""The nearest training data are those of a brute-force search."""

import pytest
import torch

from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.figures import find_nearest
from tests.support.figures import draw

GRAY, COLOUR, BITS = Levels((1, 3, 4), 17), Levels((3, 4, 2), 256), Binary((1, 5, 5))


@pytest.mark.parametrize("domain", [BITS, GRAY, COLOUR], ids=["binary", "gray", "colour"])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_the_nearest_datum_is_that_of_brute_force(domain, batch_size):
    x, train = draw(domain, n=9), draw(domain, n=40, seed=1)
    difference = (x[:, None] - train[None]).flatten(2).double()
    distance = (difference != 0).sum(-1).double() if domain is BITS else difference.square().sum(-1).sqrt()
    index, found = find_nearest(x, train, domain, batch_size=batch_size)
    assert torch.equal(found, distance.min(1).values)
    assert torch.equal(index, torch.tensor([int((row == row.min()).nonzero()[0]) for row in distance]))


def test_the_first_of_equal_data_is_found_and_a_copy_has_distance_0():
    train = draw(GRAY, n=5).repeat(3, 1, 1, 1)
    index, distance = find_nearest(train, train, GRAY, batch_size=4)
    assert index.tolist() == list(range(5)) * 3
    assert (distance == 0).all()


def test_no_training_data_raise_an_error():
    train = draw(GRAY, n=5)
    with pytest.raises(ChainruleError, match="no training data"):
        find_nearest(train, train[:0], GRAY)
