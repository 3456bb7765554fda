"""Tables at the command line: train, evaluate, score, impute, sample, check, inspect."""

from __future__ import annotations

import io
import math
import sys

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from tests.support.terminal import commands

SMALL = ("--model.hidden", "[16]", "--updates", 60, "--lr", 1e-2)


def people(n=200, seed=0):
    """Return a table of animals, whose weights and legs follow from their sort."""
    rng = np.random.default_rng(seed)
    sort = rng.choice(["cat", "dog", "owl"], n)
    grams = np.select([sort == "cat", sort == "dog"], [4000.0, 20000.0], 1500.0) + rng.normal(0, 100, n).round(2)
    legs = np.where(sort == "owl", 2, 4)
    return pd.DataFrame({"sort": sort, "grams": grams, "legs": legs, "tame": rng.random(n) < 0.5})


def with_gaps(frame, share=0.15, seed=1):
    """Return the frame without a share of its values."""
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < share)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two tables, a family of orders, a model of one order, and an image model."""
    folder = tmp_path_factory.mktemp("tables")
    people().to_csv(folder / "whole.csv", index=False)
    with_gaps(people()).to_csv(folder / "gaps.csv", index=False)
    whole = cr.load_data(folder / "whole.csv")
    cr.fit(cr.MADE(whole.domain, hidden=(16,)), whole, out=folder / "one", updates=200, lr=2e-2, progress=False)
    gaps = cr.load_data(folder / "gaps.csv")
    family = cr.MADE(gaps.domain, hidden=(16,), agnostic="order")
    cr.fit(family, gaps, out=folder / "family", updates=200, lr=2e-2, progress=False)
    cr.save(cr.Independent(cr.Binary((1, 2, 2))), folder / "image")
    return folder


@pytest.fixture
def run(folder, capsys, monkeypatch):
    return commands(folder, capsys, monkeypatch)


def test_a_table_with_gaps_trains_a_made_of_many_orders(run, folder):
    status, out, _ = run("train", "made", "--data", "gaps.csv", "--out", "trained", *SMALL)
    assert status == 0
    for words in (
        "sort: categorical, 3 levels, ",
        "grams: real, ",
        "legs: count, 2 … 4, ",
        "each update draws an order",
    ):
        assert words in out
    assert cr.load(folder / "trained").agnostic == "order"
    status, out, _ = run("evaluate", "trained", "--data", "gaps.csv")
    assert status == 0
    assert "nats (of a density, in the units of the columns), n = 20" in out
    assert "values missing" in out
    assert "bits" not in out


def test_a_table_without_gaps_trains_a_made_of_one_order(run, folder):
    arguments = ("--kinds", "legs=categorical", "--drop", "tame", *SMALL)
    assert run("train", "made", "--data", "whole.csv", "--out", "chosen", *arguments)[0] == 0
    model = cr.load(folder / "chosen")
    assert model.agnostic is None
    assert [(column.name, column.kind) for column in model.domain.columns] == [
        ("sort", "categorical"), ("grams", "real"), ("legs", "categorical"),
    ]  # fmt: skip
    assert run("evaluate", "chosen", "--data", "whole.csv")[0] == 0


def test_small_tables_are_trained_for_more_epochs_by_default(run, folder, monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.training.fit"], "TABLE_UPDATES", 60)
    assert run("train", "independent", "--data", "whole.csv", "--out", "long", "--batch-size", 80)[0] == 0
    assert len((folder / "long" / "metrics.csv").read_text().splitlines()) == 1 + 30
    assert run("train", "independent", "--data", "whole.csv", "--out", "short", "--epochs", 2)[0] == 0
    assert len((folder / "short" / "metrics.csv").read_text().splitlines()) == 1 + 2


def scores(out):
    return pd.read_csv(io.StringIO(out))


def test_scores_are_those_of_the_library_row_by_row(run):
    status, out, _ = run("score", "one", "--data", "whole.csv")
    found, model = scores(out), cr.load("one")
    assert status == 0
    assert found.columns.tolist() == ["row", "log_prob", "sort", "grams", "legs", "tame"]
    rows = cr.data.to_rows(people(), model.domain).values
    assert found["log_prob"].to_numpy() == pytest.approx(model.log_prob(rows).detach().numpy(), abs=1e-5)
    pd.testing.assert_frame_equal(found[["sort", "grams", "legs", "tame"]], people())


def test_lowest_first_sorts_unusual_rows_to_the_top(run, folder):
    frame = pd.concat(
        [people(20, seed=5), pd.DataFrame({"sort": ["owl"], "grams": [20000.0], "legs": 4, "tame": True})]
    )
    frame.to_csv(folder / "strange.csv", index=False)
    found = scores(run("score", "one", "--data", "strange.csv", "--lowest-first")[1])
    assert found["row"][0] == 20
    assert found["log_prob"].is_monotonic_increasing
    assert found["log_prob"][1] - found["log_prob"][0] > 3


def test_rows_with_gaps_are_scored_by_their_known_values(run, folder):
    status, out, _ = run("score", "family", "--data", "gaps.csv", "--out", "scores.parquet")
    assert (status, out) == (0, "log p in nats of 200 data: scores.parquet\n")
    found, model = pd.read_parquet(folder / "scores.parquet"), cr.load("family")
    gap = with_gaps(people()).isna().any(axis=1)
    assert gap.any()
    assert found["log_prob"].notna().all()
    assert found["known"].tolist() == with_gaps(people()).notna().sum(axis=1).tolist()
    rows = cr.data.to_rows(with_gaps(people()), model.domain).values
    assert -found["log_prob"].mean() == pytest.approx(cr.evaluate(model, rows).nats, abs=1e-5)
    several = scores(run("score", "family", "--data", "gaps.csv", "--members", 3)[1])
    assert -several["log_prob"].mean() == pytest.approx(cr.evaluate(model, rows, members=3).nats, abs=1e-5)


def test_an_unknown_level_has_log_p_of_minus_infinity_and_a_warning(run, folder):
    frame = people(10, seed=3)
    frame.loc[4, "sort"] = "yeti"
    frame.to_csv(folder / "yeti-10.csv", index=False)
    status, out, err = run("score", "one", "--data", "yeti-10.csv")
    assert status == 0, err
    assert scores(out)["log_prob"][4] == -math.inf
    assert np.isfinite(scores(out)["log_prob"].drop(4)).all()
    assert err == (
        "chainrule: warning: yeti-10.csv: column 'sort' has 'yeti' (1), which the model has never seen: the log p of "
        "these rows is -inf\n"
    )
    status, _, err = run("evaluate", "one", "--data", "yeti-10.csv")
    assert (status, "'yeti' (1)" in err) == (2, True)


def test_images_are_scored_by_split(run, folder):
    np.savez(folder / "x.npz", test=np.zeros((3, 2, 2), np.uint8))
    found = scores(run("score", "image", "--data", "x.npz")[1])
    assert found["log_prob"].tolist() == pytest.approx([-4 * math.log(2)] * 3, abs=1e-6)


@pytest.mark.parametrize("fill", ["most-likely", "mean"])
def test_missing_values_are_filled_in_and_known_values_are_kept(run, folder, fill):
    out = f"{fill}.csv"
    status, said, _ = run("impute", "family", "--data", "gaps.csv", "--out", out, "--fill", fill, "-n", 40)
    gaps, found = with_gaps(people()), pd.read_csv(folder / out)
    count = int(gaps.isna().to_numpy().sum())
    where = f"in {int(gaps.isna().any(axis=1).sum())} of 200 rows"
    assert (status, said) == (0, f"{count} missing values {where}, filled in by {fill}: {out}\n")
    assert found.notna().all(axis=None)
    assert found.columns.tolist() == gaps.columns.tolist()
    kept = gaps.notna().to_numpy()
    assert (found.to_numpy(object)[kept] == pd.read_csv(folder / "gaps.csv").to_numpy(object)[kept]).all()
    only = gaps["sort"].isna() & (gaps["grams"] > 10000)
    assert only.any()
    assert (found.loc[only, "sort"] == "dog").all()
    heavy = gaps["grams"].isna() & (gaps["sort"] == "dog")
    assert found.loc[heavy, "grams"].to_numpy() == pytest.approx(20000, rel=0.1 if fill == "most-likely" else 0.5)


def test_draws_are_whole_tables_one_below_the_other(run, folder):
    assert run("impute", "family", "--data", "gaps.csv", "--out", "draws.csv", "--fill", "draws", "-n", 3)[0] == 0
    found = pd.read_csv(folder / "draws.csv")
    assert found["draw"].tolist() == [0] * 200 + [1] * 200 + [2] * 200
    assert found.notna().all(axis=None)
    first, second = (found[found["draw"] == draw].drop(columns="draw").to_numpy(object) for draw in (0, 1))
    missing = with_gaps(people()).isna().to_numpy()
    assert (first[~missing] == second[~missing]).all()
    assert (first[missing] != second[missing]).any()


def test_a_model_of_one_order_imputes_by_particles_and_prints_their_effective_sample_size(run, folder):
    frame = people(6, seed=4)
    frame.loc[2, "sort"] = None
    frame.to_csv(folder / "first.csv", index=False)
    status, out, _ = run("impute", "one", "--data", "first.csv", "--out", "first-full.csv", "--particles", 300)
    assert status == 0
    assert "1 rows by 300 particles each: effective sample size" in out
    assert pd.read_csv(folder / "first-full.csv")["sort"][2] == people(6, seed=4)["sort"][2]


def test_an_unknown_level_is_kept_and_is_no_evidence(run, folder):
    frame = people(6, seed=4)
    frame.loc[2, ["sort", "legs"]] = ["yeti", None]
    frame.to_csv(folder / "yeti.csv", index=False)
    status, out, err = run("impute", "family", "--data", "yeti.csv", "--out", "yeti-full.csv")
    found = pd.read_csv(folder / "yeti-full.csv")
    assert (status, found["sort"][2], "1 missing value in 1 of 6 rows, filled" in out) == (0, "yeti", True)
    assert found["legs"].notna().all()
    assert "they are kept, and nothing is concluded from them" in err


def test_a_table_without_gaps_is_written_as_it_is(run, folder):
    assert run("impute", "family", "--data", "whole.csv", "--out", "same.csv")[0] == 0
    assert (folder / "same.csv").read_text() == (folder / "whole.csv").read_text()


def test_draws_of_a_table_without_gaps_are_copies(run, folder):
    assert run("impute", "family", "--data", "whole.csv", "--out", "copies.csv", "--fill", "draws", "-n", 2)[0] == 0
    assert pd.read_csv(folder / "copies.csv")["draw"].tolist() == [0] * 200 + [1] * 200


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_samples_are_a_table_with_the_columns_of_the_data(run, folder, ending):
    assert run("sample", "one", "-n", 30, "--out", f"drawn.{ending}")[0] == 0
    found = (pd.read_csv if ending == "csv" else pd.read_parquet)(folder / f"drawn.{ending}")
    assert found.dtypes.astype(str).tolist() == people().dtypes.astype(str).tolist()
    assert len(found) == 30
    assert set(found["sort"]) <= {"cat", "dog", "owl"}
    assert (found["grams"] == found["grams"].round(2)).all()  # as the data have them
    assert run("evaluate", "one", "--data", f"drawn.{ending}")[0] == 0


def test_models_of_tables_can_be_checked_and_inspected(run):
    status, out, _ = run("check", "one")
    assert (status, out.count("passed   ")) == (0, 7)
    status, out, _ = run("inspect", "one", "--data", "whole.csv", "--out", "inspected")
    assert status == 0
    assert "Table(4 columns: 1 binary, 1 categorical, 1 count, 1 real)" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("score one --data nowhere.csv", "there is no file or folder 'nowhere.csv'"),
        (
            "score one --data x.npz",
            "one is a model of a table, and x.npz is not one; give a file .csv, .tsv or",
        ),
        ("score one --data other.csv", "other.csv has no column 'sort', 'grams', 'legs', 'tame'"),
        ("score one --data whole.csv --out whole.csv", "whole.csv"),
        (
            "score one --data whole.csv --out new.txt",
            "new.txt: the ending says what is written, and must be .csv or .par",
        ),
        (
            "score one --data gaps.csv",
            "without a number of masks, or drop these rows (train with --model.agnostic order)",
        ),
        ("score one --data whole.csv --members 2", "--members: of a MADE trained with --model.agnostic"),
        ("impute one --data other.csv --out new.csv", "other.csv has no column 'sort'"),
        ("impute image --data x.npz --out new.csv", "impute is for tables, and image holds a model of Binary"),
        ("impute one --data gaps.csv --out new.csv -n 0", "-n must be from 1 to"),
        ("impute one --data gaps.csv --out new.csv --particles 0", "--particles must be from 1 to"),
        ("impute family --data drawn-already.csv --out new.csv --fill draws", "has a column 'draw'"),
        ("score family --data drawn-already.csv", "has a column 'row', which the scores would take the place of"),
        ("sample one --out new.png", "new.png: the ending says what is written, and must be .csv or .parquet"),
        ("sample one --out new.csv --temperature 0.5", "columns of numbers are drawn at temperature 1 alone"),
        ("complete one --data whole.csv --out new.npz", "impute fills in tables"),
        ("compare --data whole.csv --out new", "whole.csv is a table, and compare takes images or rows of levels"),
        ("train pixelcnn --data whole.csv --out new", "PixelCNN takes images (C, H, W)"),
        (
            "train made --data gaps.csv --out new --model.agnostic connectivity",
            "values are missing, and no order of this",
        ),
        ("train made --data whole.csv --out new --levels 3", "binarize and levels are for gray values"),
        ("evaluate image --data whole.csv", "whole.csv is a table, and data of Binary"),
    ],
)
def test_bad_input_gives_one_line_and_no_file(run, folder, words, fault):
    pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}).to_csv(folder / "other.csv", index=False)
    np.savez(folder / "x.npz", test=np.zeros((3, 2, 2), np.uint8))
    people(5).assign(draw=0, row=1).to_csv(folder / "drawn-already.csv", index=False)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    status, _, err = run(*words.split())
    assert (status, fault in err) == (2, True), err
    assert err.splitlines()[-1].startswith("chainrule: error: ")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
