"""Data sets of the Hugging Face hub, with a stand-in for its library."""

import sys
import types

import numpy as np
import pytest
from PIL import Image as Pillow

from chainrule.data import load_data
from chainrule.data.hub import from_hub
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError

GRAY = np.random.default_rng(0).integers(0, 256, (12, 5, 6), dtype=np.uint8)

RGB = np.random.default_rng(1).integers(0, 256, (12, 5, 6, 3), dtype=np.uint8)


class Image:
    """A stand-in for `datasets.Image`."""


class ClassLabel:
    """A stand-in for `datasets.ClassLabel`."""


class Dataset(dict):
    """A stand-in for `datasets.Dataset`: columns by name, features by name, and a length."""

    def __init__(self, arrays, features=None):
        images = [array if array is None else Pillow.fromarray(array) for array in arrays]
        super().__init__(image=images, label=[0] * len(images))
        self.features = features or {"label": ClassLabel(), "image": Image()}

    def __len__(self):
        return len(self["label"])


@pytest.fixture
def hub(monkeypatch):
    """Return the contents of the hub of a module `datasets`, for the test to fill."""
    module, held = types.ModuleType("datasets"), {}
    module.load_dataset = held.__getitem__
    monkeypatch.setitem(sys.modules, "datasets", module)
    return held


def test_a_data_set_of_the_hub_keeps_its_splits(hub):
    hub["owner/name"] = {"test": Dataset(RGB[8:]), "extra": Dataset(RGB), "train": Dataset(RGB[:8])}
    data = load_data("hf:owner/name")
    assert data.domain == Levels((3, 5, 6), 256)
    assert data.train.values().tolist() == RGB[:8].transpose(0, 3, 1, 2).tolist()
    assert data.test.values().tolist() == RGB[8:].transpose(0, 3, 1, 2).tolist()
    assert data.messages[0] == "splits not read: extra"
    assert data.messages[-1] == "splits as in the source, without valid"


def test_a_data_set_of_the_hub_with_train_alone_is_split(hub):
    hub["owner/name"] = {"train": Dataset(GRAY)}
    data = load_data("hf:owner/name", binarize="threshold")
    assert data.domain == Binary((1, 5, 6))
    assert [len(data.train), len(data.valid), len(data.test)] == [10, 1, 1]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"unsupervised": Dataset(GRAY)}, "hf:a/b has the splits unsupervised; none is train, valid or test"),
        (
            {"val": Dataset(GRAY), "validation": Dataset(GRAY)},
            "hf:a/b has more than one valid split, 'validation' among them",
        ),
        ({"train": Dataset(GRAY, {"label": ClassLabel()})}, "the train split of hf:a/b has no column of images"),
        (
            {"train": Dataset(GRAY, {"image": Image(), "mask": Image()})},
            "the train split of hf:a/b has several columns of images (image, mask); one is needed",
        ),
        (
            {"train": Dataset([*GRAY, None])},
            "the train split of hf:a/b has no image at row 12; save it without that row",
        ),
        (
            {"train": Dataset([*GRAY, RGB[0]])},
            "the train split of hf:a/b, image 12 is 6×5 RGB, and the first image, the train split of hf:a/b, image 0",
        ),
    ],
)
def test_ambiguous_data_sets_of_the_hub_are_refused(splits, message):
    with pytest.raises(ChainruleError) as refusal:
        from_hub(splits, "hf:a/b")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("hub")
def test_an_unknown_name_is_refused():
    with pytest.raises(
        ChainruleError, match=r"hf:owner/none was not fetched \('owner/none'\); check name and connection"
    ):
        load_data("hf:owner/none")


@pytest.mark.parametrize("name", ["hf:", "hf:mnist", "hf:a/b/c", "hf:../x y"])
def test_an_invalid_name_is_refused(name):
    with pytest.raises(ChainruleError, match="is no name on the hub; give hf:owner/name"):
        load_data(name)


def test_the_error_says_how_to_install_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ChainruleError, match=r"pip install 'chainrule\[hf\]'"):
        load_data("hf:owner/name")
