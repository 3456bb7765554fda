"""Arrays and tensors as splits: layouts, refused values, and digests."""

import numpy as np
import pytest
import torch

from chainrule.data import Split, as_split
from chainrule.data.arrays import arrange
from chainrule.errors import ChainruleError

NUMBERS = np.arange(12).reshape(2, 6)


@pytest.mark.parametrize(
    "x",
    [
        *[NUMBERS.astype(kind) for kind in ("u1", "i1", ">i2", "i8", "u8", "f2", "f4", ">f8")],
        np.asfortranarray(NUMBERS),
        np.repeat(NUMBERS, 2, axis=1)[:, ::2],
        *[torch.from_numpy(NUMBERS).to(kind) for kind in (torch.uint8, torch.int64, torch.float32, torch.bfloat16)],
        torch.from_numpy(NUMBERS.T.copy()).T,
        torch.from_numpy(NUMBERS).float().requires_grad_(),
    ],
)
def test_whole_numbers_of_any_type_become_bytes(x):
    split = as_split(x)
    assert split.values().dtype == torch.uint8
    assert split.values().tolist() == NUMBERS.tolist()
    assert split.digest == as_split(NUMBERS).digest
    assert (len(split), split.shape) == (2, (6,))


def test_booleans_become_zeros_and_ones():
    assert as_split(NUMBERS > 3).values().tolist() == (NUMBERS > 3).astype(int).tolist()


def test_a_read_only_array_is_accepted():
    x = NUMBERS.astype(np.uint8)
    x.flags.writeable = False
    assert as_split(x).values().tolist() == NUMBERS.tolist()


def test_bytes_are_not_copied_and_a_split_is_returned():
    x = torch.zeros(4, 3, dtype=torch.uint8)
    split = as_split(x)
    assert split.values().data_ptr() == x.data_ptr()
    assert split.values(5).data_ptr() == x.data_ptr()
    assert as_split(x.numpy()).values().data_ptr() == x.data_ptr()
    assert as_split(split) is split


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.empty((0, 5)), "the data is empty (shape [0, 5])"),
        (torch.empty(5, 0), "the data is empty (shape [5, 0])"),
        (np.arange(5), "must have the shape [n, …], one datum a row, not [5]"),
        (torch.tensor(1), "one datum a row, not []"),
        (np.array([[0.0], [np.nan]]), "the data has missing values (NaN), first in datum 1; fill or drop them first"),
        (np.array([[0.0], [np.inf]]), "values from 0 to inf, first out of range in datum 1"),
        (np.array([[0], [0], [-1]]), "values from -1 to 0, first out of range in datum 2; rescale"),
        (torch.tensor([[256], [0]]), "values from 0 to 256, first out of range in datum 0"),
        (torch.tensor([[1.0], [0.5]]), "the data has fractional values, first in datum 1; make them whole numbers"),
        (np.array([["a"]]), "the data has values of type <U1; save whole numbers from 0 to 255"),
        (np.array([[1j]]), "values of type complex128"),
        (np.array([[None]]), "values of type object"),
        ([[0, 1]], "data must be a tensor, an array or a split, not list"),
        (None, "not NoneType"),
    ],
)
def test_invalid_data_are_refused_in_one_line(x, message):
    with pytest.raises(ChainruleError) as refusal:
        as_split(x)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_digest_is_the_same_on_every_machine():
    x = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    assert Split(x).digest == "3183acfda3ce85893d880a0aa0feb04560eac503dec5c46ccc86dd588fb53247"


def test_different_shapes_or_values_have_different_digests():
    x = torch.zeros(2, 6, dtype=torch.uint8)
    others = [x.reshape(6, 2), x.reshape(2, 2, 3), torch.ones_like(x), torch.zeros(3, 6, dtype=torch.uint8)]
    assert len({Split(each).digest for each in [x, *others]}) == 5


@pytest.mark.parametrize(
    ("shape", "arranged"),
    [
        ((2, 7), (2, 7)),
        ((2, 7, 5), (2, 1, 7, 5)),
        ((2, 7, 3), (2, 1, 7, 3)),
        ((2, 7, 5, 3), (2, 3, 7, 5)),
        ((2, 7, 5, 1), (2, 1, 7, 5)),
        ((2, 3, 7, 5), (2, 3, 7, 5)),
        ((2, 1, 7, 5), (2, 1, 7, 5)),
        ((2, 7, 3, 3), (2, 3, 7, 3)),
    ],
)
def test_images_are_arranged_with_channels_first(shape, arranged):
    x = np.arange(np.prod(shape)).reshape(shape)
    out = arrange(x, "x")
    assert out.shape == arranged
    channels_last = len(shape) == 4 and shape[1:] != arranged[1:]
    assert np.array_equal(np.moveaxis(out, 1, 3).reshape(shape) if channels_last else out.reshape(shape), x)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((2, 35), (1, 7, 5)),
        ((2, 7, 5), (1, 7, 5)),
        ((2, 3, 7, 3), (3, 7, 3)),
        ((2, 3, 7, 3), (3, 3, 7)),
        ((2, 2, 7, 5), (2, 7, 5)),
        ((2, 7, 5, 2), (2, 7, 5)),
        ((2, 35), (35,)),
    ],
)
def test_a_known_shape_determines_the_layout(shape, wanted):
    assert arrange(np.zeros(shape), "x", wanted).shape == (2, *wanted)


@pytest.mark.parametrize(
    ("shape", "known", "message"),
    [
        ((2, 3, 7, 3), None, "x has the shape [2, 3, 7, 3]: both the second and the last size could be a number of"),
        ((2, 1, 1, 1), None, "both the second and the last size"),
        ((2, 7, 5, 2), None, "neither the second nor the last size is a number of channels (1 or 3); give domain"),
        ((2, 7, 5, 4), None, "a number of channels (1 or 3); of RGBA images keep the first three channels"),
        ((5,), None, "x has the shape [5]; reshape it to rows [n, D] or images"),
        ((), None, "x has the shape []"),
        ((2, 3, 4, 5, 6), None, "x has the shape [2, 3, 4, 5, 6]"),
        ((0, 7, 5), None, "x is empty (shape [0, 7, 5])"),
        ((2, 7, 5), (1, 5, 7), "x has the shape [2, 7, 5], and a datum of the domain has [1, 5, 7]; give data of"),
        ((2, 34), (1, 7, 5), "x has the shape [2, 34], and a datum of the domain has [1, 7, 5]"),
    ],
)
def test_invalid_and_ambiguous_shapes_are_refused(shape, known, message):
    with pytest.raises(ChainruleError) as refusal:
        arrange(np.zeros(shape), "x", known)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
