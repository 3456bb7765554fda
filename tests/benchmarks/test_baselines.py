"""The benchmark on tables: its densities are distributions, its imputers learn, and scores are what they say."""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

from tests.support.scripts import script

imputers = script("benchmarks/imputers.py")
made = script("benchmarks/made.py")
tables = script("benchmarks/tables.py")
baselines = script("benchmarks/baselines.py")
ALPHAS, ChowLiu, Independent, Mixture, bin_starts, discretised = (
    baselines.ALPHAS,
    baselines.ChowLiu,
    baselines.Independent,
    baselines.Mixture,
    baselines.bin_starts,
    baselines.discretised,
)


LEVELS = [2, 3, 1, 4]
DENSITIES = {
    "independent": Independent,
    "tree": ChowLiu,
    "mixture": lambda levels: Mixture(levels, sizes=(2, 5)),
}


def rows(n, seed=0, missing=0.0):
    """Codes of `LEVELS` whose columns depend on each other."""
    draw = np.random.default_rng(seed)
    first = draw.integers(2, size=n)
    second = (first + (draw.random(n) < 0.2)) % 3
    last = np.where(draw.random(n) < 0.7, first + second, draw.integers(4, size=n))
    x = np.stack([first, second, np.zeros(n, int), last], 1)
    return np.where(draw.random(x.shape) < missing, -1, x)


def everything(levels):
    return np.array(list(itertools.product(*map(range, levels))))


@pytest.fixture(params=[(kind, missing) for kind in DENSITIES for missing in (0.0, 0.3)], ids=str)
def density(request):
    kind, missing = request.param
    return DENSITIES[kind](LEVELS).fit(rows(60, 0, missing), rows(30, 1, missing))


def test_probabilities_sum_to_one(density):
    assert logsumexp(density.log_prob(everything(LEVELS))) == pytest.approx(0, abs=1e-12)


def test_missing_entries_are_summed_out(density):
    full = everything(LEVELS)
    p = density.log_prob(full)
    patterns = np.array(list(itertools.product(*(range(-1, k) for k in LEVELS))))
    summed = [logsumexp(p[((full == row) | (row < 0)).all(1)]) for row in patterns]
    np.testing.assert_allclose(density.log_prob(patterns), summed, atol=1e-12)


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_level_that_training_has_not_is_possible(kind):
    density = DENSITIES[kind]([3, 2]).fit(np.zeros((9, 2), int), np.zeros((5, 2), int))
    assert np.isfinite(density.log_prob(everything([3, 2]))).all()


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_column_that_is_never_seen_is_uniform(kind):
    x = np.stack([np.arange(12) % 2, np.full(12, -1)], 1)
    density = DENSITIES[kind]([2, 4]).fit(x, x)
    np.testing.assert_allclose(density.log_prob(np.array([[-1, level] for level in range(4)])), -np.log(4))


def test_independent_counts_what_is_observed():
    train = np.array([[0], [0], [1], [-1], [0]])
    p = np.exp(Independent([2]).fit(train, np.array([[0]])).log_prob(np.array([[0], [1]])))
    np.testing.assert_allclose(p, (np.array([3, 1]) + min(ALPHAS)) / (4 + 2 * min(ALPHAS)))


def test_validation_chooses_the_smoothing():
    train = np.zeros((4, 1), int)
    same, mixed = (
        Independent([2]).fit(train, valid).log_prob(np.array([[1]])) for valid in (train, np.array([[0], [1]]))
    )
    assert same < np.log(0.01)
    assert mixed == pytest.approx(np.log(max(ALPHAS) / (4 + 2 * max(ALPHAS))))


def test_the_tree_is_the_one_that_made_the_rows():
    draw = np.random.default_rng(0)
    parents = [-1, 0, 1, 1, 0, 4]
    x = np.zeros((3000, 6), int)
    for j, parent in enumerate(parents):
        copied = (draw.random(3000) < 0.6) & (parent >= 0)
        x[:, j] = np.where(copied, x[:, parent], draw.integers(3, size=3000))
    tree = ChowLiu([3] * 6).fit(x[:2000], x[2000:2500])
    assert tree.parents == parents
    truth = [
        np.log(1 / 3) + sum(np.log(0.6 * (r[j] == r[parents[j]]) + 0.4 / 3) for j in range(1, 6)) for r in x[2500:]
    ]
    assert tree.log_prob(x[2500:]).mean() == pytest.approx(np.mean(truth), abs=0.03)


def test_a_tree_of_one_column_is_its_frequencies():
    train, valid = rows(50)[:, 3:], rows(20, 1)[:, 3:]
    tree, independent = (kind([4]).fit(train, valid) for kind in (ChowLiu, Independent))
    np.testing.assert_allclose(tree.log_prob(everything([4])), independent.log_prob(everything([4])))


def test_the_tree_does_not_underflow():
    x = np.zeros((50, 100), int)
    log_prob = ChowLiu([2] * 100).fit(x, x).log_prob(np.ones((1, 100), int))
    assert np.isfinite(log_prob).all()


def test_a_mixture_finds_groups():
    draw = np.random.default_rng(0)
    group = draw.integers(3, size=(1500, 1))
    x = np.where(draw.random((1500, 8)) < 0.9, group, draw.integers(3, size=(1500, 8)))
    train, valid, test = x[:900], x[900:1200], x[1200:]
    mixture = Mixture([3] * 8, sizes=(1, 12)).fit(train, valid)
    same = np.log(0.9 * (test[:, :, None] == np.arange(3)) + 0.1 / 3).sum(1)
    assert mixture.log_prob(test).mean() == pytest.approx(logsumexp(same - np.log(3), axis=1).mean(), abs=0.1)
    again = Mixture([3] * 8, sizes=(1, 12)).fit(train, valid)
    np.testing.assert_array_equal(mixture.log_prob(test), again.log_prob(test))


def test_a_mixture_of_one_is_independent():
    train, valid, test = rows(5000), rows(2000, 1), rows(50, 2)
    one, independent = Mixture(LEVELS, sizes=(1,)).fit(train, valid), Independent(LEVELS).fit(train, valid)
    np.testing.assert_allclose(one.log_prob(test), independent.log_prob(test), atol=0.05)


# --------------------------------------------------------------------------------------------------------- numbers cut


def test_a_value_that_is_common_has_a_bin_of_its_own():
    draw = np.random.default_rng(0)
    values = np.where(draw.random(2000) < 0.9, 0, draw.integers(1, 900, 2000)).astype(float)
    frame = pd.DataFrame({"gain": values})
    codes, levels, names = discretised(frame, 8, np.arange(1000))
    assert 4 <= levels[0] <= 8
    assert len(names[0]) == levels[0]
    np.testing.assert_array_equal(codes[:1000, 0] == 0, values[:1000] == 0)
    assert np.bincount(codes[codes[:, 0] > 0, 0])[1:].min() > 10


@pytest.mark.parametrize("bins", range(1, 12))
def test_there_are_at_most_so_many_bins(bins):
    for seed in range(20):
        draw = np.random.default_rng(seed)
        values = np.round(draw.standard_exponential(200) ** 3 * draw.choice([1, 3, 100]))
        starts = bin_starts(values, bins)
        assert len(starts) <= bins or len(np.unique(values)) <= bins
        assert (np.diff(starts) > 0).all()
        assert starts[0] == values.min()


def test_few_numbers_are_each_a_bin_and_others_fall_between():
    frame = pd.DataFrame({"n": [1.0, 2.0, 5.0, 2.0, np.nan, -3.0, 4.9, 77.0]})
    codes, levels, names = discretised(frame, 4, np.arange(5))
    assert codes[:, 0].tolist() == [0, 1, 2, 1, -1, 0, 1, 2]
    assert levels == [3]
    assert names == [["[-inf, 2)", "[2, 5)", "[5, inf)"]]


def test_only_training_rows_say_where_to_cut():
    values = np.random.default_rng(0).normal(size=300)
    train = np.arange(200)
    codes, *rest = discretised(pd.DataFrame({"n": values}), 5, train)
    moved = np.where(np.arange(300) < 200, values, 1000 * values)
    again, *others = discretised(pd.DataFrame({"n": moved}), 5, train)
    np.testing.assert_array_equal(codes[train], again[train])
    assert rest == others
    assert np.bincount(codes[train, 0]).tolist() == [40] * 5


def test_categories_stay_as_they_are():
    frame = pd.DataFrame({"colour": ["red", None, "blue", "red", "?"], "n": [1, 2, 3, 4, 5]})
    codes, levels, names = discretised(frame, 5, np.arange(3))
    assert codes[:, 0].tolist() == [2, -1, 1, 2, 0]
    assert (levels[0], names[0]) == (3, ["?", "blue", "red"])


# ----------------------------------------------------------------------------------------------------------- imputation

WORDS = np.array(["a", "a longer word", "?"])


def people(n, seed=0):
    """Of every row, `word` says `other`, and `number` is close to 10 for each step of the word."""
    draw = np.random.default_rng(seed)
    code = draw.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "number": 10 * code + draw.normal(size=n),
            "word": WORDS[code],
            "exact": 2.0 * code,
            "other": np.array(["no", "yes", "perhaps"])[code],
        }
    )


@pytest.fixture
def holed():
    truth = people(200, 1)
    return imputers.Holed(people(400), people(50, 2), truth.mask(imputers.holes(truth, 0.2, 0)))


def test_encoding_and_back():
    frame = people(30)
    encoding = imputers.Encoding(people(100))
    encoded = encoding.encode(frame)
    assert encoded.shape == (30, 1 + 3 + 1 + 3)
    pd.testing.assert_frame_equal(encoding.decode(encoded, frame.where(frame.isna())).astype(frame.dtypes), frame)


def test_encoding_of_rows_with_holes_is_that_of_the_rows_with_holes_in_it():
    truth = people(50)
    missing = imputers.holes(truth, 0.3, 0)
    encoding = imputers.Encoding(people(100))
    expected = np.where(missing[:, encoding.owner], np.nan, encoding.encode(truth))
    np.testing.assert_array_equal(encoding.encode(truth.mask(missing)), expected)


@pytest.mark.parametrize("fill", [imputers.simple, imputers.nearest, imputers.iterative])
def test_what_is_given_stays_and_nothing_is_left_out(fill, holed):
    filled = fill(holed)
    assert filled.notna().all().all()
    given = holed.rows.notna().to_numpy()
    assert (filled == holed.rows).to_numpy()[given].all()
    assert set(filled["word"]) <= set(WORDS)


def test_simple_is_the_mean_and_the_most_frequent(holed):
    filled = imputers.simple(holed)
    missing = holed.rows.isna()
    np.testing.assert_allclose(filled["number"][missing["number"]], holed.train["number"].mean())
    assert set(filled["word"][missing["word"]]) == {"a"}


@pytest.mark.parametrize("fill", [imputers.nearest, imputers.iterative])
def test_an_imputer_learns_from_the_other_columns(fill, holed):
    scores = imputers.score(people(200, 1), fill(holed), holed.rows.isna().to_numpy(), holed.train)
    assert scores["error rate"]["mean"].value < 0.05
    assert scores["RMSE"]["mean"].value < 0.5


def test_the_iterative_imputer_does_not_ask_a_category_about_itself():
    """Where it does, each indicator is one less the others, and the most frequent category stays."""
    draw = np.random.default_rng(0)
    code = draw.choice(3, size=6000, p=[0.5, 0.3, 0.2])
    other = np.where(draw.random(6000) < 0.8, code, draw.integers(3, size=6000))
    truth = pd.DataFrame({"word": WORDS[code], "other": WORDS[other]})
    missing = np.zeros((1000, 2), bool)
    missing[:, 0] = True
    holed = imputers.Holed(truth[1000:], truth[:0], truth[:1000].mask(missing))
    wrong = imputers.iterative(holed)["word"] != truth["word"][:1000]
    assert wrong.mean() < 0.2


def test_holes_are_drawn_once_and_for_all():
    frame = people(5000)
    missing = imputers.holes(frame, 0.2, 3)
    np.testing.assert_array_equal(missing, imputers.holes(frame, 0.2, 3))
    np.testing.assert_allclose(missing.mean(0), 0.2, atol=0.02)
    assert (imputers.holes(frame, 0.2, 4) != missing).any()
    assert not (imputers.holes(frame.mask(missing), 0.2, 3)).any()


def test_scores_by_hand():
    train = pd.DataFrame({"n": [0.0, 4.0], "w": ["a", "b"]})  # standard deviation 2
    truth = pd.DataFrame({"n": [1.0, 1.0, 1.0, 9.0] * 50, "w": ["a", "b", "b", "a"] * 50})
    filled = pd.DataFrame({"n": [3.0, 1.0, -5.0, 0.0] * 50, "w": ["b", "b", "a", "b"] * 50})
    missing = np.array([[True, True], [True, True], [True, False], [False, True]] * 50)
    scores = imputers.score(truth, filled, missing, train)
    assert scores["RMSE"]["n"].value == pytest.approx(np.sqrt((1 + 0 + 9) / 3))
    assert scores["MAE"]["n"].value == pytest.approx(4 / 3)
    assert scores["error rate"]["w"].value == pytest.approx(2 / 3)
    assert scores["error rate"]["mean"].value == pytest.approx(2 / 3)
    assert scores["MAE"]["n"].error == pytest.approx(np.std([1, 0, 3]) / np.sqrt(150), rel=0.2)


def test_both_tables_are_printed_and_written(tmp_path, monkeypatch, capsys):
    people(2000).to_csv(tmp_path / "people.csv.gz", index=False)
    monkeypatch.setattr(
        sys, "argv", ["tables.py", str(tmp_path / "people.csv.gz"), "--out", str(tmp_path / "out.json")]
    )
    monkeypatch.setattr(
        tables, "DENSITIES", [*tables.DENSITIES[:2], ("a row of mine", lambda task: np.zeros(len(task.test)))]
    )
    monkeypatch.setattr(tables, "IMPUTERS", tables.IMPUTERS[:3])
    tables.main()
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert result["rows"] == [1600, 200, 200]
    assert result["likelihood"]["best"] == "a row of mine"
    nats, error = result["likelihood"]["densities"]["Chow-Liu tree"]["behind"]
    assert f"{nats:.3f} ± {error:.3f}" in printed
    assert list(result["imputation"]) == [name for name, _ in tables.IMPUTERS]
    assert "error rate by column" in printed


def test_made_takes_part_as_the_others_do(monkeypatch):
    monkeypatch.setitem(made.DENSITY, "epochs", 20)
    monkeypatch.setitem(made.IMPUTER, "epochs", 20)
    frame = people(240)
    codes, levels, _ = discretised(frame, 4, np.arange(160))
    log_probs = made.several_orders(codes[:160], codes[160:200], codes[200:], levels)
    independent = Independent(levels).fit(codes[:160], codes[160:200]).log_prob(codes[200:])
    assert log_probs.mean() > independent.mean()
    missing = imputers.holes(frame[200:], 0.2, 0)
    filled = made.imputer(imputers.Holed(frame[:160], frame[160:200], frame[200:].mask(missing)))
    assert filled.notna().all(axis=None)
    assert filled.index.equals(frame[200:].index)
    kept = filled.where(~missing)
    pd.testing.assert_frame_equal(kept, frame[200:].where(~missing))


def test_the_split_covers_each_row_once():
    train, valid, test = tables.split(1000, 0)
    assert sorted([*train, *valid, *test]) == list(range(1000))
    assert [len(part) for part in (train, valid, test)] == [800, 100, 100]
    np.testing.assert_array_equal(test, tables.split(1000, 0)[2])
