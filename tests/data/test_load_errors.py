"""Bad sources: each is refused in one line that says what is wrong, where, and the remedy."""

import gzip
import io
import pickle

import numpy as np
import pytest
from PIL import Image

from chainrule.data import load_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError

GRAY = np.random.default_rng(0).integers(0, 256, (12, 5, 6), dtype=np.uint8)
BITS = GRAY > 127
FRACTIONS = GRAY / 255
OBJECTS = np.array([[{"a": 1}], [None], [3]])


def replace_value(value, dtype=np.float64):
    """Return the gray images with one value of datum 7 replaced."""
    array = GRAY.astype(dtype)
    array[7, 2, 2] = value
    return array


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(array, **options):
    file = io.BytesIO()
    Image.fromarray(array, **options).save(file, format="PNG")
    return file.getvalue()


def idx(*sizes, content=b"", kind=0x08):
    return bytes([0, 0, kind, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes) + content


IDX = idx(*GRAY.shape, content=GRAY.tobytes())

FILES = {
    "an archive that is none": ("x.npz", b"no archive", "x.npz cannot be read (File is not a zip file); it may be"),
    "an archive cut short": ("x.npz", npz(train=GRAY)[:-100], "cannot be read"),
    "an archive damaged": (
        "x.npz",
        npz(train=GRAY).replace(GRAY[3].tobytes(), bytes(30)),
        "cannot be read (Bad CRC-32",
    ),
    "an archive that is one array": ("x.npz", npy(GRAY), "cannot be read"),
    "an empty archive": ("x.npz", npz(), "x.npz has no array of data; name the data train, valid and test"),
    "labels alone": ("x.npz", npz(labels=GRAY), "has no array of data"),
    "unknown names": ("x.npz", npz(x_train=GRAY, x_test=GRAY), "has the arrays x_train, x_test; name the data train"),
    "a name too many": ("x.npz", npz(train=GRAY, extra=GRAY), "has the arrays train, extra; name"),
    "two validation splits": (
        "x.npz",
        npz(valid=GRAY, val=GRAY),
        "more than one valid split, 'val' among them; keep one",
    ),
    "an archive of objects": (
        "x.npz",
        npz(train=OBJECTS),
        "x.npz holds pickled Python objects, which are never loaded",
    ),
    "an array of objects": ("x.npy", npy(OBJECTS), "holds pickled Python objects, which are never loaded; save it as"),
    "a pickle": ("x.npy", pickle.dumps(GRAY), "x.npy cannot be read"),
    "a pickle as an archive": ("x.npz", pickle.dumps(GRAY), "x.npz cannot be read"),
    "an array cut short": ("x.npy", npy(GRAY)[:-10], "x.npy cannot be read"),
    "a header cut short": ("x.npy", npy(GRAY)[:30], "x.npy cannot be read"),
    "no bytes at all, npy": ("x.npy", b"", "x.npy cannot be read"),
    "no bytes at all, npz": ("x.npz", b"", "x.npz cannot be read"),
    "no bytes at all, idx": ("x.idx", b"", "x.idx does not begin as idx files do; give a file such as"),
    "an idx file that is none": ("x.idx3-ubyte", b"something else", "does not begin as idx files do"),
    "an idx file cut short": ("x-idx3-ubyte", IDX[:-1], "has 375 bytes where its header says 376; it may be cut short"),
    "an idx header cut short": ("x-idx3-ubyte", IDX[:7], "has 7 bytes where its header says"),
    "an idx file with more": ("x-idx3-ubyte", IDX + b"0", "has 377 bytes where its header says 376"),
    "an idx file of labels": (
        "y-idx1-ubyte",
        idx(3, content=b"abc"),
        "has 1 axes, and images 3 or 4 (labels 1); give the",
    ),
    "an idx file of many axes": ("x.idx", idx(*[1] * 70, content=b"0"), "x.idx has 70 axes, and images 3 or 4"),
    "an idx file of nothing": ("x-idx3-ubyte", idx(0, 5, 6), "x-idx3-ubyte is empty (shape [0, 5, 6])"),
    "a gzip file cut short": ("x-idx3-ubyte.gz", gzip.compress(IDX)[:-20], "x-idx3-ubyte.gz cannot be read"),
    "a gzip file that is none": ("x-idx3-ubyte.gz", IDX, "x-idx3-ubyte.gz cannot be read (Not a gzipped file"),
    "an unknown ending": (
        "x.xlsx",
        b"1,2",
        "x.xlsx is a file of no kind that is known by its ending; sources of data are",
    ),
    "no ending": ("x", b"1,2", "is a file of no kind that is known by its ending"),
    "one image": ("x.png", png(GRAY[0]), "is a file of no kind that is known by its ending"),
    "words": ("x.npy", npy(np.array([["a"], ["b"]])), "x.npy has values of type <U1; save whole numbers from 0 to 255"),
    "dates": ("x.npy", npy(np.zeros((3, 2), "M8[s]")), "x.npy has values of type datetime64[s]"),
    "records": ("x.npy", npy(np.zeros((3, 2), [("a", "i4")])), "x.npy has values of type"),
    "no data": ("x.npy", npy(GRAY[:0]), "x.npy is empty (shape [0, 5, 6]); give at least one datum"),
    "an empty split": ("x.npz", npz(train=GRAY, valid=GRAY[:0]), "the valid split of"),
    "too few data to split": (
        "x.npy",
        npy(GRAY[:2]),
        "x.npy has no splits and 2 data, too few to make any; give at least",
    ),
    "one number a datum": ("x.npy", npy(np.arange(9)), "x.npy has the shape [9]; reshape it to rows [n, D] or images"),
    "five axes": ("x.npy", npy(np.zeros((2, 2, 2, 2, 2))), "x.npy has the shape [2, 2, 2, 2, 2]; reshape it"),
    "four channels": ("x.npy", npy(np.zeros((9, 5, 6, 4))), "neither the second nor the last size is a number of"),
    "channels at both ends": ("x.npy", npy(np.zeros((9, 3, 6, 1))), "both the second and the last size could be"),
    "splits of two shapes": (
        "x.npz",
        npz(train=GRAY, test=GRAY[:, :4]),
        "x.npz has splits of different shapes: train [1, 5, 6], test [1, 4, 6]; crop or pad",
    ),
    "NaN": (
        "x.npz",
        npz(test=replace_value(np.nan)),
        "missing values (NaN), first in datum 7; fill or drop them first",
    ),
    "infinity": (
        "x.npy",
        npy(replace_value(np.inf)),
        "x.npy has values from 0 to inf, first out of range in datum 7; rescale",
    ),
    "a negative value": (
        "x.npy",
        npy(replace_value(-1, np.int64)),
        "values from -1 to 255, first out of range in datum 7",
    ),
    "a value too high": (
        "x.npy",
        npy(replace_value(256, np.int64)),
        "values from 0 to 256, first out of range in datum 7",
    ),
    "values in [-1, 1]": (
        "x.npy",
        npy(FRACTIONS * 2 - 1),
        "x.npy has values from -1 to 1, first out of range in datum 0",
    ),
    "a fraction among gray values": (
        "x.npy",
        npy(replace_value(0.5)),
        "x.npy has fractional values, first in datum 7, and values up to 255; make them whole numbers from 0 to 255",
    ),
    "fractions in [0, 1]": (
        "x.npz",
        npz(train=BITS, test=FRACTIONS),
        "to read them as gray values give binarize (as dynamic) or levels (as 256)",
    ),
}


def refusal(source, **options):
    with pytest.raises(ChainruleError) as error:
        load_data(source, **options)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "content", "message"), FILES.values(), ids=FILES.keys())
def test_bad_files_are_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    said = refusal(tmp_path / name)
    assert message in said
    assert name in said


FOLDERS = {
    "an empty folder": ({}, "has no PNG or JPEG images; give a folder that has, or the file itself"),
    "a folder of other files": ({"a.txt": b"", "x.npy": npy(GRAY)}, "has no PNG or JPEG images"),
    "an odd size": ({"a.png": png(GRAY[0]), "b/c.png": png(GRAY[0, 1:])}, "c.png is 6×4 L, and the first image, "),
    "an odd mode": (
        {"a.png": png(GRAY[0]), "b.png": png(np.stack([GRAY[0]] * 3, -1))},
        "b.png is 6×5 RGB, and the first",
    ),
    "an odd split": (
        {"train/a.png": png(GRAY[0]), "test/b.png": png(GRAY[0, 1:])},
        "b.png is 6×4 L, and the first image",
    ),
    "transparency": (
        {"a.png": png(np.stack([GRAY[0]] * 4, -1))},
        'a.png has the mode RGBA; make it gray ("L") or RGB, as Image.open(file).convert("RGB").save(file)',
    ),
    "16 bits": (
        {"a.png": png(GRAY[0].astype(np.uint16))},
        'a.png has the mode I;16; make it gray ("L") or RGB',
    ),
    "an image that is none": ({"a.png": png(GRAY[0]), "b.jpg": b"no image"}, "b.jpg cannot be read (cannot identify"),
    "an image cut short": ({"a.png": png(GRAY[0])[:-30]}, "a.png cannot be read"),
    "an image of no bytes": ({"a.png": b""}, "a.png cannot be read"),
    "images beside the splits": (
        {"test/a.png": png(GRAY[0]), "other/b.png": png(GRAY[1]), "train/c.png": png(GRAY[2])},
        "other/b.png lies outside train, test, the splits of ",
    ),
    "an empty split": (
        {"train/a.png": png(GRAY[0]), "valid/notes.txt": b""},
        "valid has no PNG or JPEG images; fill it or",
    ),
    "two validation splits": ({"val/a.png": png(GRAY[0]), "valid/b.png": png(GRAY[0])}, "more than one valid split"),
    "too few images": ({"a.png": png(GRAY[0])}, "has no splits and 1 data, too few"),
}


@pytest.mark.parametrize(("files", "message"), FOLDERS.values(), ids=FOLDERS.keys())
def test_bad_folders_are_refused_in_one_line(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert message in refusal(tmp_path)


def test_a_folder_may_have_the_name_of_a_file(tmp_path):
    (tmp_path / "x.npz").mkdir()
    assert "the folder" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("source", ["nowhere.npz", "nowhere", "", "x" * 300, "a\0b"])
def test_a_missing_source_is_refused(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    said = refusal(source)
    assert said.startswith("there is no file or folder ")
    assert said.endswith("a table .csv, .tsv (also .gz) or .parquet, a folder of PNG or JPEG images, hf:owner/name")


OPTIONS = {
    "levels too few": (GRAY, {"levels": 1}, "levels must be a whole number from 2 to 256, not 1"),
    "levels too many": (GRAY, {"levels": 257}, "levels must be a whole number from 2 to 256, not 257"),
    "an unknown binarization": (GRAY, {"binarize": "static"}, "binarize must be one of threshold, draw, dynamic"),
    "both": (GRAY, {"binarize": "draw", "levels": 4}, "exclude each other; give one"),
    "binary data binarized": (BITS, {"binarize": "draw"}, "x.npy is binary already: all values are 0 or 1; leave out"),
    "binary data quantised": (BITS * 1.0, {"levels": 4}, "x.npy is binary already"),
    "a domain of another shape": (
        GRAY,
        {"domain": Levels((1, 6, 5), 256)},
        "has the shape [12, 5, 6], and a datum of the domain has",
    ),
    "a domain of fewer levels": (GRAY, {"domain": Binary((1, 5, 6))}, "the train split of"),
    "levels beyond the domain": (
        GRAY,
        {"domain": Levels((1, 5, 6), 4), "levels": 5},
        "has values up to 4, and those of the domain are 0 … 3",
    ),
    "fractions for a domain": (FRACTIONS, {"domain": Levels((1, 5, 6), 256)}, "x.npy has fractional values"),
}


@pytest.mark.parametrize(("array", "options", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_do_not_apply_are_refused_in_one_line(tmp_path, array, options, message):
    np.save(tmp_path / "x.npy", array)
    assert message in refusal(tmp_path / "x.npy", **options)


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    (tmp_path / "x.npy").write_bytes(pickle.dumps(Trap()))
    np.savez(tmp_path / "x.npz", train=np.array([Trap()], dtype=object))
    np.save(tmp_path / "y.npy", np.array([[Trap()]], dtype=object))
    for name in ("x.npy", "x.npz", "y.npy"):
        refusal(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
