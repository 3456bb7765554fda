"""Tables as data sets: load_data, repeated preprocessing, digests and fingerprints."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch

from chainrule.data import Preprocessing, Split, as_split, infer_table, load_data, read_frame, to_rows
from chainrule.domains import Binary, Column, Table
from tests.support.frames import PEOPLE, random_frame


def csv(folder, frame=None, name="people.csv"):
    frame = random_frame(0).rename(columns=lambda name: name.replace(" ", "_")) if frame is None else frame
    frame.to_csv(folder / name, index=False)
    return folder / name


def test_a_table_is_split_at_random_by_the_seed(tmp_path):
    data = load_data(csv(tmp_path), seed=3)
    assert isinstance(data.domain, Table)
    assert [len(data.train), len(data.valid), len(data.test)] == [32, 4, 4]
    assert data.randomly_split
    assert data.train.values().dtype == torch.float64
    assert data.messages[-1] == "no splits in the source: 32 train, 4 valid, 4 test, drawn with seed 3"
    whole = to_rows(read_frame(tmp_path / "people.csv"), data.domain).values
    parts = torch.cat([data.train.values(), data.valid.values(), data.test.values()])
    assert sorted(map(str, parts.tolist())) == sorted(map(str, whole.tolist()))


def test_recorded_preprocessing_repeats_a_table(tmp_path):
    frame = PEOPLE.assign(job=["?", "cook", "nurse", "cook"], id=range(4))
    path = csv(tmp_path, pd.concat([frame] * 5))
    data = load_data(path, kinds="age=categorical,balance=real", drop="id", missing="?", seed=1)
    preprocessing = json.loads(json.dumps(data.preprocessing.to_dict()))
    assert preprocessing == {
        "binarize": None,
        "levels": None,
        "seed": 1,
        "kinds": {"age": "categorical", "balance": "real"},
        "drop": ["id"],
        "missing": ["?"],
    }
    assert Preprocessing.from_dict(preprocessing) == data.preprocessing == data.train.preprocessing
    again, known = load_data(path, **preprocessing), load_data(path, **preprocessing, domain=data.domain)
    assert again.domain == known.domain == data.domain
    assert again.test.digest == known.test.digest == data.test.digest
    assert [column.kind for column in data.domain.columns] == ["categorical", "binary", "binary", "real", "real"]
    assert known.messages == ("no splits in the source: 16 train, 2 valid, 2 test, drawn with seed 1",)


def test_quantiles_come_from_training_rows_alone(tmp_path):
    path = csv(tmp_path, pd.DataFrame({"x": np.random.default_rng(0).permutation(np.arange(100) / 2)}))
    data = load_data(path)
    train = data.train.values()[:, 0]
    assert data.domain.columns[0].quantiles == pytest.approx(np.quantile(train, np.linspace(0, 1, 32)))


def test_words_for_missing_values_apply_to_parquet(tmp_path):
    frame = pd.DataFrame({"job": ["?", "cook", "nurse"], "size": pd.Categorical(["low", "?", "mid"]), "n": [1, 2, 3]})
    frame.to_parquet(tmp_path / "x.parquet")
    read = read_frame(tmp_path / "x.parquet", missing=["?"])
    assert read.isna().sum().tolist() == [1, 1, 0]
    assert list(read["size"].cat.categories) == ["low", "mid"]


def test_text_columns_of_a_known_table_stay_text(tmp_path):
    table = Table([Column("code", "categorical", ("01", "02", "TRUE", "x"))])
    path = csv(tmp_path, pd.DataFrame({"code": ["01", "02", "01"]}))
    assert to_rows(read_frame(path, table=table), table).values.tolist() == [[0.0], [1.0], [0.0]]
    path = csv(tmp_path, pd.DataFrame({"code": ["TRUE", None, "TRUE"], "n": [1, 2, 3]}), "b.csv")
    assert to_rows(read_frame(path, table=table), table).values[[0, 2]].tolist() == [[2.0], [2.0]]


def test_a_byte_order_mark_and_empty_lines_are_ignored(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n\r\n1,2\r\n3,4\r\n\r\n")
    assert read_frame(tmp_path / "x.csv").to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_a_gzipped_file_is_read_whatever_the_case_of_its_ending(tmp_path):
    (tmp_path / "X.CSV.GZ").write_bytes(gzip.compress(b"a\n1\n2\n3\n"))
    assert isinstance(load_data(tmp_path / "X.CSV.GZ").domain, Table)


def test_as_split_takes_a_frame_or_rows():
    table, _ = infer_table(PEOPLE)
    split, rows = as_split(PEOPLE, table), to_rows(PEOPLE, table).values
    assert split.digest == as_split(rows, table).digest == as_split(rows.numpy(), table).digest
    assert as_split(split, table) is split
    assert split.shape == (5,)
    assert as_split(rows[:1].float().nan_to_num(0).long(), table).values().dtype == torch.float64
    assert as_split(torch.tensor([[0, 1]]), Binary((2,))).values().dtype == torch.uint8


def test_digests_and_fingerprints_do_not_change():
    split = Split(torch.arange(6, dtype=torch.uint8).view(2, 3))
    assert split.digest == "acafb1b2a7c03319df42856da87c17427491b2934b2e15702fa47f91dba010c7"
    assert split.fingerprints().tolist() == [5874504355061786042, 7145788389217258325]


def test_equal_rows_have_equal_digests_and_fingerprints():
    quiet, odd = torch.tensor([0x7FF8000000000000, 0x7FF8000000000123]).view(torch.float64)
    one = Split(torch.stack([torch.tensor(0.0, dtype=torch.float64), quiet])[None])
    other = Split(torch.stack([torch.tensor(-0.0, dtype=torch.float64), odd])[None])
    assert one.digest == other.digest
    assert torch.equal(one.fingerprints(), other.fingerprints())
    assert one.digest != Split(torch.zeros(1, 2, dtype=torch.float64)).digest


def test_rows_of_small_numbers_have_different_fingerprints():
    grid = torch.cartesian_prod(*[torch.arange(40, dtype=torch.float64)] * 3)
    prints = Split(torch.cat([grid, -grid[1:], grid[1:] / 8 + 1000])).fingerprints()
    assert len(prints.unique()) == len(prints)
