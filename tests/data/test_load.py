"""load_data: array sources, random splits, inferred domains, and preprocessing that repeats bit for bit."""

import gzip
import json

import numpy as np
import pytest
import torch

from chainrule.data import load_data
from chainrule.domains import Binary, Levels

GRAY = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
BITS = GRAY > 127


def idx_bytes(array, kind=0x08):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, kind, array.ndim]) + sizes + array.tobytes()


def rows_of(data):
    """Return all data of a set as sorted tuples, whatever their split."""
    splits = [data.train, data.valid, data.test]
    return sorted(tuple(row.tolist()) for split in splits for row in split.values().flatten(1))


def same(one, other):
    pairs = [(one.train, other.train), (one.valid, other.valid), (one.test, other.test)]
    return all(torch.equal(a.values(epoch), b.values(epoch)) for a, b in pairs for epoch in (None, 0, 7))


@pytest.fixture
def gray_file(tmp_path):
    np.savez(tmp_path / "gray.npz", train=GRAY[:30], valid=GRAY[30:35], test=GRAY[35:])
    return tmp_path / "gray.npz"


def test_digits_are_1797_images_of_17_levels():
    data = load_data("digits")
    assert data.domain == Levels((1, 8, 8), 17)
    assert [len(data.train), len(data.valid), len(data.test)] == [1297, 250, 250]
    assert data.train.values().max() == 16
    assert "no splits in the source: 1297 train, 250 valid, 250 test, drawn with seed 0" in data.messages


def test_digits_quantise_on_their_own_scale():
    whole, four = load_data("digits"), load_data("digits", levels=4)
    assert four.domain == Levels((1, 8, 8), 4)
    assert torch.equal(four.train.values(), torch.floor(whole.train.values() * 3 / 16 + 0.5).to(torch.uint8))


def test_splits_and_draws_of_a_seed_do_not_change():
    split, drawn = load_data("digits"), load_data("digits", binarize="draw", seed=1)
    assert split.test.digest == "c130512624c07b0289bfc4aff71d93f1f75ed30980c44b20030638cf0dabdbc0"
    assert drawn.test.digest == "aa5d8af02472cf869438f060db5ce3f6799edb2a3a77669b21d87ada25b4ac6c"


def test_an_archive_with_splits_keeps_them(gray_file):
    data = load_data(gray_file)
    assert data.domain == Levels((1, 6, 5), 256)
    assert data.source == str(gray_file)
    assert data.train.values().tolist() == GRAY[:30, None].tolist()
    assert data.valid.values().tolist() == GRAY[30:35, None].tolist()
    assert data.test.values().tolist() == GRAY[35:, None].tolist()
    assert data.messages == ("gray values on the scale 0 … 255", "splits as in the source")


@pytest.mark.parametrize("name", ["valid", "validation", "val"])
def test_the_validation_split_has_three_names(tmp_path, name):
    np.savez_compressed(tmp_path / "x.NPZ.npz", **{"test": GRAY[5:], name: GRAY[:5]})
    data = load_data(tmp_path / "x.NPZ.npz")
    assert data.valid.values().tolist() == GRAY[:5, None].tolist()
    assert data.train is None
    assert "splits as in the source, without train" in data.messages


def test_labels_are_ignored_even_if_pickled(tmp_path):
    labels = np.array([None] * 40)
    np.savez(tmp_path / "x.npz", images=GRAY, images_labels=labels, labels=labels)
    data = load_data(tmp_path / "x.npz")
    assert "arrays not read: images_labels, labels" in data.messages
    assert len(data.train) == 32


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train-images-idx3-ubyte", idx_bytes(GRAY)),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx_bytes(GRAY))),
        ("t10k-images.idx3-ubyte", idx_bytes(GRAY)),
        ("x.IDX", idx_bytes(GRAY)),
        ("x.idx4.gz", gzip.compress(idx_bytes(GRAY[:, None]))),
        ("x-idx4-ubyte", idx_bytes(GRAY[..., None])),
        ("x.idx3", idx_bytes(GRAY.astype(">i2"), 0x0B)),
        ("y.idx3", idx_bytes(GRAY.astype(">f4"), 0x0D)),
    ],
)
def test_idx_files_are_read_under_all_their_names(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "x.npy", GRAY)
    data = load_data(tmp_path / name)
    assert data.domain == Levels((1, 6, 5), 256)
    assert same(data, load_data(tmp_path / "x.npy"))


def test_idx_files_of_rgb_images(tmp_path):
    rgb = np.stack([GRAY, GRAY // 2, GRAY // 3], axis=-1)
    (tmp_path / "rgb-idx4-ubyte").write_bytes(idx_bytes(rgb))
    data = load_data(tmp_path / "rgb-idx4-ubyte")
    assert data.domain == Levels((3, 6, 5), 256)
    assert rows_of(data) == sorted(tuple(image.transpose(2, 0, 1).ravel().tolist()) for image in rgb)


@pytest.mark.parametrize(("n", "held"), [(3, 1), (9, 1), (10, 1), (29, 2), (40, 4)])
def test_a_single_array_is_split_at_random(tmp_path, n, held):
    np.save(tmp_path / "x.npy", GRAY[:n])
    data = load_data(str(tmp_path / "x.npy"), seed=5)
    assert [len(data.train), len(data.valid), len(data.test)] == [n - 2 * held, held, held]
    assert rows_of(data) == sorted(map(tuple, GRAY[:n].reshape(n, -1).tolist()))
    assert (
        f"no splits in the source: {n - 2 * held} train, {held} valid, {held} test, drawn with seed 5" in data.messages
    )


def test_the_random_split_depends_on_the_seed_alone(tmp_path):
    np.save(tmp_path / "x.npy", GRAY)
    one, other = load_data(tmp_path / "x.npy", seed=1), load_data(tmp_path / "x.npy", seed=2)
    assert same(one, load_data(tmp_path / "x.npy", seed=1))
    assert one.test.digest != other.test.digest


@pytest.mark.parametrize(
    ("array", "domain", "message"),
    [
        (BITS, Binary((1, 6, 5)), "all values are 0 or 1: binary"),
        (BITS.astype(np.int64), Binary((1, 6, 5)), "binary"),
        (BITS.astype(np.float32).reshape(40, 30), Binary((30,)), "binary"),
        (GRAY.astype(np.float64), Levels((1, 6, 5), 256), "gray values on the scale 0 … 255"),
        (
            GRAY // 16,
            Levels((1, 6, 5), 256),
            "though none is above 15: if that is full scale, rescale the data, or give",
        ),
        (GRAY.reshape(40, 30) % 10, Levels((30,), 10), "rows of whole numbers, the largest 9: 10 levels"),
        (np.stack([GRAY] * 3, -1), Levels((3, 6, 5), 256), "colour values on the scale 0 … 255"),
    ],
)
def test_the_domain_is_inferred_with_a_message(tmp_path, array, domain, message):
    np.save(tmp_path / "x.npy", array)
    data = load_data(tmp_path / "x.npy")
    assert data.domain == domain
    assert any(message in each for each in data.messages)


def test_the_domain_comes_from_all_splits_together(tmp_path):
    np.savez(tmp_path / "x.npz", train=BITS, test=GRAY)
    np.savez(tmp_path / "rows.npz", train=np.zeros((4, 3)), test=np.full((4, 3), 6))
    assert load_data(tmp_path / "x.npz").domain == Levels((1, 6, 5), 256)
    assert load_data(tmp_path / "rows.npz").domain == Levels((3,), 7)


def test_the_domain_argument_overrides_the_inferred_one(tmp_path):
    np.save(tmp_path / "x.npy", GRAY.reshape(40, 30) % 4)
    for domain in (Levels((30,), 9), Levels((1, 6, 5), 4), Levels((2, 5, 3), 256)):
        data = load_data(tmp_path / "x.npy", domain=domain)
        assert data.domain == domain
        assert data.train.shape == domain.shape


def test_fractions_are_gray_values_if_they_are_binarized_or_quantised(tmp_path):
    np.savez(tmp_path / "f.npz", train=GRAY / np.float32(255), test=GRAY[:5] / 255.0)
    np.savez(tmp_path / "g.npz", train=GRAY, test=GRAY[:5])
    for preprocessing in ({"binarize": "threshold"}, {"binarize": "dynamic"}, {"levels": 256}, {"levels": 5}):
        fractions, gray = load_data(tmp_path / "f.npz", **preprocessing), load_data(tmp_path / "g.npz", **preprocessing)
        assert fractions.domain == gray.domain
        assert torch.equal(fractions.train.values(3), gray.train.values(3))
        assert torch.equal(fractions.test.values(), gray.test.values())
        assert fractions.messages[0] == "fractions in [0, 1] were read as gray values: round(255 · value)"


def test_a_threshold_is_at_half_of_full_scale(gray_file):
    data = load_data(gray_file, binarize="threshold")
    assert data.domain == Binary((1, 6, 5))
    assert data.train.values().tolist() == (GRAY[:30, None] >= 127.5).astype(int).tolist()


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_gray_values_are_quantised_to_levels(gray_file, levels):
    data = load_data(gray_file, levels=levels)
    assert data.domain == Levels((1, 6, 5), levels)
    assert data.train.values().tolist() == np.rint(GRAY[:30, None] * ((levels - 1) / 255)).astype(int).tolist()
    assert f"quantised to {levels} levels" in data.messages[0]


def test_a_fixed_draw_is_the_same_at_every_epoch(gray_file):
    data = load_data(gray_file, binarize="draw")
    assert data.domain == Binary((1, 6, 5))
    assert data.train.values(0) is data.train.values(1) is data.train.values()
    assert data.train.values().max() == 1
    assert data.train.digest != load_data(gray_file, binarize="draw", seed=1).train.digest


def test_dynamic_draws_differ_between_epochs_and_repeat_for_one(gray_file):
    train = load_data(gray_file, binarize="dynamic").train
    epochs = [train.values(epoch) for epoch in (None, 0, 1, 2, 255, 256)]
    assert len({epoch.numpy().tobytes() for epoch in epochs}) == len(epochs)
    assert torch.equal(train.values(1), epochs[2])
    assert all(epoch.dtype == torch.uint8 and epoch.shape == (30, 1, 6, 5) for epoch in epochs)


def test_dynamic_draws_average_to_the_gray_value(gray_file):
    train = load_data(gray_file, binarize="dynamic").train
    mean = torch.stack([train.values(epoch) for epoch in range(400)]).double().mean(0)
    wanted = torch.from_numpy(GRAY[:30, None] / 255.0)
    assert (mean - wanted).abs().max() < 5 * 0.5 / 400**0.5
    assert abs((mean - wanted).mean()) < 4 * 0.5 / (400 * wanted.numel()) ** 0.5


def test_dynamic_binarization_has_a_fixed_draw_for_reports(gray_file):
    dynamic, fixed = load_data(gray_file, binarize="dynamic"), load_data(gray_file, binarize="draw")
    assert torch.equal(dynamic.train.values(), fixed.train.values())
    for ours, theirs in ((dynamic.valid, fixed.valid), (dynamic.test, fixed.test)):
        assert torch.equal(ours.values(3), theirs.values())
        assert ours.digest == theirs.digest


def test_splits_have_different_noise(tmp_path):
    np.savez(tmp_path / "x.npz", train=GRAY, valid=GRAY, test=GRAY)
    data = load_data(tmp_path / "x.npz", binarize="draw")
    assert len({data.train.digest, data.valid.digest, data.test.digest}) == 3


@pytest.mark.parametrize(
    "preprocessing",
    [
        {},
        {"seed": 4},
        {"levels": 7, "seed": 4},
        *[{"binarize": way, "seed": 4} for way in ("threshold", "draw", "dynamic")],
    ],
)
@pytest.mark.parametrize("source", ["digits", "x.npy"])
def test_recorded_preprocessing_repeats_bit_for_bit(tmp_path, monkeypatch, source, preprocessing):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", GRAY)
    data = load_data(source, **preprocessing)
    recorded = json.loads(json.dumps(data.preprocessing.to_dict()))
    again = load_data(source, **recorded, domain=data.domain)
    assert again.domain == data.domain
    assert again.preprocessing == data.preprocessing
    assert same(data, again)


def test_the_repr_of_splits_and_data_sets_is_short():
    data = load_data("digits", binarize="dynamic")
    assert repr(data.train) == "Split(1297 of [1, 8, 8], drawn each epoch)"
    assert len(repr(data)) < 600
