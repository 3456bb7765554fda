"""Folders of images: their splits, their order, and files that are ignored."""

import numpy as np
import pytest
from PIL import Image as Pillow

from chainrule.data import load_data
from chainrule.domains import Binary, Levels

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
def test_subfolders_with_names_of_splits_are_splits(tmp_path, arrays, domain):
    for name, part in (("train", arrays[:8]), ("validation", arrays[8:10]), ("test", arrays[10:])):
        write(tmp_path / name / "deeper", part)
    data = load_data(tmp_path)
    wanted = arrays[:, None] if arrays.ndim == 3 else arrays.transpose(0, 3, 1, 2)
    assert data.domain == domain
    assert data.train.values().tolist() == wanted[:8].astype(int).tolist()
    assert data.valid.values().tolist() == wanted[8:10].astype(int).tolist()
    assert data.test.values().tolist() == wanted[10:].astype(int).tolist()


def test_images_of_other_folders_are_in_the_order_of_their_paths(tmp_path):
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


def test_other_files_are_ignored_and_counted(tmp_path):
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
