"""Folders of images and data sets of the hub."""

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


def write(folder, arrays, suffix="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for index, array in enumerate(arrays):
        Pillow.fromarray(array).save(folder / f"{index:02}.{suffix}")


@pytest.mark.parametrize(
    ("arrays", "domain"),
    [(GRAY, Levels((1, 5, 6), 256)), (RGB, Levels((3, 5, 6), 256)), (GRAY > 127, Binary((1, 5, 6)))],
)
def test_subfolders_named_so_are_splits(tmp_path, arrays, domain):
    for name, part in (("train", arrays[:8]), ("validation", arrays[8:10]), ("test", arrays[10:])):
        write(tmp_path / name / "deeper", part)
    data = load_data(tmp_path)
    wanted = arrays[:, None] if arrays.ndim == 3 else arrays.transpose(0, 3, 1, 2)
    assert data.domain == domain
    assert data.train.values().tolist() == wanted[:8].astype(int).tolist()
    assert data.valid.values().tolist() == wanted[8:10].astype(int).tolist()
    assert data.test.values().tolist() == wanted[10:].astype(int).tolist()


def test_other_folders_are_one_set_in_the_order_of_their_paths(tmp_path):
    write(tmp_path / "images" / "b", GRAY[6:])
    write(tmp_path / "images" / "a", GRAY[:6])
    np.save(tmp_path / "x.npy", GRAY)
    folder, array = load_data(tmp_path / "images", seed=3), load_data(tmp_path / "x.npy", seed=3)
    assert [len(folder.train), len(folder.valid), len(folder.test)] == [10, 1, 1]
    assert folder.train.digest == array.train.digest
    assert folder.test.digest == array.test.digest


def test_jpeg_files_are_read_as_pillow_reads_them(tmp_path):
    for index, suffix in enumerate(["jpg", "jpeg", "JPG"]):
        Pillow.fromarray(GRAY[index]).save(tmp_path / f"{index}.{suffix}", format="JPEG")
    data = load_data(tmp_path)
    found = sorted(split.values()[0, 0].tolist() for split in (data.train, data.valid, data.test))
    assert found == sorted(np.asarray(Pillow.open(file)).tolist() for file in tmp_path.iterdir())


def test_other_files_are_passed_over_and_counted(tmp_path):
    write(tmp_path, GRAY)
    (tmp_path / ".thumbnails").mkdir()
    for name in ("notes.txt", "labels.csv", ".hidden.png", ".thumbnails/0.png"):
        (tmp_path / name).write_text("not an image")
    assert "files not read, neither PNG nor JPEG: 2" in load_data(tmp_path).messages


def test_gray_images_are_binarized_like_gray_arrays(tmp_path):
    write(tmp_path / "test", GRAY)
    np.savez(tmp_path / "x.npz", test=GRAY)
    folder, archive = load_data(tmp_path, binarize="draw"), load_data(tmp_path / "x.npz", binarize="draw")
    assert folder.domain == Binary((1, 5, 6))
    assert folder.test.digest == archive.test.digest


class Image:
    """Stands for `datasets.Image`."""


class ClassLabel:
    """Stands for `datasets.ClassLabel`."""


class Rows(dict):
    """Stands for a `datasets.Dataset`: columns by name, features by name, and a length."""

    def __init__(self, arrays, features=None):
        images = [array if array is None else Pillow.fromarray(array) for array in arrays]
        super().__init__(image=images, label=[0] * len(images))
        self.features = features or {"label": ClassLabel(), "image": Image()}

    def __len__(self):
        return len(self["label"])


@pytest.fixture
def hub(monkeypatch):
    """A module `datasets` whose hub holds what the test puts into it."""
    module, held = types.ModuleType("datasets"), {}
    module.load_dataset = held.__getitem__
    monkeypatch.setitem(sys.modules, "datasets", module)
    return held


def test_a_data_set_of_the_hub_keeps_its_splits(hub):
    hub["owner/name"] = {"test": Rows(RGB[8:]), "extra": Rows(RGB), "train": Rows(RGB[:8])}
    data = load_data("hf:owner/name")
    assert data.domain == Levels((3, 5, 6), 256)
    assert data.train.values().tolist() == RGB[:8].transpose(0, 3, 1, 2).tolist()
    assert data.test.values().tolist() == RGB[8:].transpose(0, 3, 1, 2).tolist()
    assert data.messages[0] == "splits not read: extra"
    assert data.messages[-1] == "splits as in the source, without valid"


def test_a_data_set_of_the_hub_with_train_alone_is_split(hub):
    hub["owner/name"] = {"train": Rows(GRAY)}
    data = load_data("hf:owner/name", binarize="threshold")
    assert data.domain == Binary((1, 5, 6))
    assert [len(data.train), len(data.valid), len(data.test)] == [10, 1, 1]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"unsupervised": Rows(GRAY)}, "hf:a/b has the splits unsupervised; none is train, valid or test"),
        (
            {"val": Rows(GRAY), "validation": Rows(GRAY)},
            "hf:a/b has more than one valid split, 'validation' among them",
        ),
        ({"train": Rows(GRAY, {"label": ClassLabel()})}, "the train split of hf:a/b has no column of images"),
        (
            {"train": Rows(GRAY, {"image": Image(), "mask": Image()})},
            "the train split of hf:a/b has several columns of images (image, mask); one is needed",
        ),
        (
            {"train": Rows([*GRAY, None])},
            "the train split of hf:a/b has no image at row 12; save it without that row",
        ),
        (
            {"train": Rows([*GRAY, RGB[0]])},
            "the train split of hf:a/b, image 12 is 6×5 RGB, and the first image, the train split of hf:a/b, image 0",
        ),
    ],
)
def test_a_data_set_of_the_hub_that_is_not_clear_is_refused(splits, message):
    with pytest.raises(ChainruleError) as refusal:
        from_hub(splits, "hf:a/b")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("hub")
def test_a_name_that_the_hub_does_not_have_is_refused():
    with pytest.raises(
        ChainruleError, match=r"hf:owner/none was not fetched \('owner/none'\); check name and connection"
    ):
        load_data("hf:owner/none")


@pytest.mark.parametrize("name", ["hf:", "hf:mnist", "hf:a/b/c", "hf:../x y"])
def test_a_name_that_is_none_on_the_hub_is_refused(name):
    with pytest.raises(ChainruleError, match="is no name on the hub; give hf:owner/name"):
        load_data(name)


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ChainruleError, match=r"pip install 'chainrule\[hf\]'"):
        load_data("hf:owner/name")
