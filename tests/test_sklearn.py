"""The estimators: scikit-learn's own checks, frames and arrays, missing values, pipelines and grid searches."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_checks as checks

import chainrule.sklearn
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.sklearn import MADEDensity, MADEImputer
from tests.support.mixed_tables import QUICK, TRAINED, frame, line, with_gaps

NEEDS_A_SETTING = {"check_array_api_input"}  # of scipy's, made before it is imported


# ------------------------------------------------------------------------------------------------ scikit-learn's checks


@pytest.mark.parametrize("estimator", [MADEDensity(), MADEImputer(epochs=10)], ids=["density", "imputer"])
def test_the_estimators_pass_the_checks_of_scikit_learn(estimator):
    results = checks.check_estimator(estimator, on_skip=None)
    assert len(results) >= 38
    others = {each["check_name"] for each in results if each["status"] != "passed"}
    assert others <= NEEDS_A_SETTING


@pytest.mark.parametrize(
    "check",
    [
        checks.check_dataframe_column_names_consistency,
        checks.check_transformer_get_feature_names_out,
        checks.check_transformer_get_feature_names_out_pandas,
        checks.check_set_output_transform,
        checks.check_set_output_transform_pandas,
        checks.check_global_output_transform_pandas,
    ],
)
@pytest.mark.filterwarnings("ignore:X .* feature names")  # some checks fit a frame and give an array, or the reverse
def test_the_imputer_passes_the_checks_of_names(check):
    check("MADEImputer", MADEImputer(**QUICK))


def test_the_density_passes_the_check_of_names():
    checks.check_dataframe_column_names_consistency("MADEDensity", MADEDensity(**QUICK))


# ---------------------------------------------------------------------------------------------------------- the density


def test_the_density_learns_how_columns_depend_on_each_other():
    train, test = line(), line(200, seed=1)
    density = MADEDensity(**TRAINED).fit(train)
    apart = norm(train.mean(0), train.std(0)).logpdf(test).sum(1)
    assert density.score_samples(test).mean() > apart.mean() + 0.8


def test_the_score_is_the_total_log_likelihood():
    x = line()
    density = MADEDensity(**QUICK).fit(x)
    assert density.score(x) == pytest.approx(density.score_samples(x).sum())


def test_probabilities_of_whole_numbers_sum_to_one():
    counts = np.random.RandomState(0).poisson(3.0, size=(200, 1))
    density = MADEDensity(**QUICK).fit(counts)
    assert np.exp(density.score_samples(np.arange(2000)[:, None])).sum() == pytest.approx(1, abs=1e-6)


def test_samples_resemble_the_data():
    drawn = MADEDensity(**TRAINED).fit(line()).sample(2000, random_state=0)
    assert np.corrcoef(drawn.T)[0, 1] > 0.95
    assert np.allclose(drawn.std(0), 1, atol=0.25)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_samples_of_an_array_have_its_type(dtype):
    x = np.asarray(10 * line(60) if dtype != "bool" else line(60) > 0, dtype=dtype)
    drawn = MADEDensity(**QUICK).fit(x).sample(5, random_state=0)
    assert drawn.shape == (5, 2)
    assert drawn.dtype == dtype


def test_whole_numbers_drawn_beyond_a_narrow_type_do_not_overflow():
    x = np.random.RandomState(0).choice([0, 255], size=(60, 1)).astype(np.uint8)
    drawn = MADEDensity(**{**QUICK, "epochs": 1}).fit(x).sample(500, random_state=0)
    assert drawn.max() > 255


def test_samples_of_a_frame_have_its_columns_and_types():
    x = frame()
    drawn = MADEDensity(**QUICK).fit(x).sample(20, random_state=0)
    assert drawn.shape == (20, x.shape[1])
    assert drawn.dtypes.equals(x.dtypes)


def test_draws_are_repeated_for_an_integer_alone():
    density = MADEDensity(**QUICK).fit(line())
    assert (density.sample(5, random_state=3) == density.sample(5, random_state=3)).all()
    assert (density.sample(5) != density.sample(5)).any()


def test_the_same_random_state_fits_the_same_density():
    x = line()
    first, second, other = (MADEDensity(**{**QUICK, "random_state": seed}).fit(x).score(x) for seed in (0, 0, 1))
    assert first == second != other


def test_missing_values_are_summed_out():
    x = with_gaps(frame())
    density = MADEDensity(**QUICK).fit(x)
    assert density.agnostic is None
    assert density.agnostic_ == "order"
    nothing = x.iloc[:2].mask(np.ones((2, x.shape[1]), bool))
    assert density.score_samples(nothing).tolist() == [0, 0]
    assert np.isfinite(density.score_samples(x)).all()


def test_a_density_of_one_order_refuses_missing_values():
    density = MADEDensity(**QUICK).fit(line())
    assert density.agnostic_ is None
    with pytest.raises(ChainruleError, match="agnostic='order'"):
        density.score_samples([[np.nan, 0.0]])
    family = MADEDensity(**QUICK, agnostic="order").fit(line())
    assert np.isfinite(family.score_samples([[np.nan, 0.0]])).all()


def test_a_category_that_was_not_in_fit_has_no_probability():
    density = MADEDensity(**QUICK).fit(frame()[["word", "number"]])
    x = pd.DataFrame({"word": ["rain", "hail"], "number": [1.0, 1.0]})
    with pytest.warns(UserWarning, match=r"column 'word' has 'hail' \(1\), which fit has not seen: the log p"):
        found = density.score_samples(x)
    assert np.isfinite(found[0])
    assert found[1] == -np.inf
    with pytest.warns(UserWarning, match="hail"):
        assert density.score(x.iloc[1:]) == -np.inf


# ---------------------------------------------------------------------------------------------------- kinds of columns


def kinds_of(density: MADEDensity) -> list[str]:
    return [column.kind for column in density.table_.columns]


def test_columns_of_an_array_are_counts_integers_or_real():
    x = np.array([[0, 0, -1, 0.5], [1, 0, 3, 2]] * 5)
    density = MADEDensity(**QUICK).fit(x)
    assert kinds_of(density) == ["count", "count", "integer", "real"]
    assert np.isfinite(density.score_samples([[2, 7, 9, 0.1]])).all()


def test_an_array_of_zeros_and_ones_is_binary():
    x = np.array([[0.0, 1.0, 0.0], [1.0, np.nan, 0.0]] * 5)
    density = MADEDensity(**QUICK).fit(x)
    assert kinds_of(density) == ["binary"] * 3
    assert np.isfinite(density.score_samples([[1, 0, 1]])).all()
    assert set(np.unique(density.sample(50, random_state=0))) == {0.0, 1.0}


def test_kinds_can_be_chosen():
    x = np.array([[0, 1], [1, 5]] * 5)
    assert kinds_of(MADEDensity(**QUICK, kinds={"x1": "categorical"}).fit(x)) == ["count", "categorical"]
    assert kinds_of(MADEDensity(**QUICK, kinds="real").fit(x)) == ["real", "real"]
    assert kinds_of(MADEDensity(**QUICK, kinds={"x0": "real"}).fit(x % 2)) == ["real", "binary"]


def test_kinds_of_a_frame_are_inferred():
    x = frame()
    names = ["categorical", "categorical", "binary", "binary", "count", "count", "real"]
    assert kinds_of(MADEDensity(**QUICK).fit(x)) == names


def test_samples_of_a_frame_without_names_are_a_frame():
    x = pd.DataFrame(line(60))
    assert list(MADEDensity(**QUICK).fit(x).sample(2).columns) == [0, 1]
    assert list(MADEImputer(**QUICK).fit_transform(with_gaps(x)).columns) == [0, 1]


# ------------------------------------------------------------------------------------------- with the rest of the world


def test_a_pipeline_ends_with_a_density():
    x = line()
    x[::5, 0] = np.nan
    pipeline = make_pipeline(MADEImputer(**QUICK), StandardScaler(), MADEDensity(**QUICK)).fit(x)
    assert pipeline.score(x) == pytest.approx(pipeline.score_samples(x).sum())


def test_a_pipeline_continues_with_filled_frames():
    x, y = with_gaps(frame()), frame()["flag"]
    pipeline = make_pipeline(
        MADEImputer(**{**TRAINED, "epochs": 20}).set_output(transform="pandas"),
        OneHotEncoder(handle_unknown="ignore"),
        LogisticRegression(),
    )
    assert pipeline.fit(x.drop(columns="flag"), y).score(x.drop(columns="flag"), y) > 0.9


def test_a_grid_search_takes_the_better_model():
    search = GridSearchCV(MADEDensity(**TRAINED), {"lr": [1e-6, 2e-2]}, cv=2).fit(line(150))
    assert search.best_params_ == {"lr": 2e-2}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_grid_search_takes_folds_of_digits():
    x = np.random.RandomState(0).choice([0.0, 1.0, 16.0], size=(30, 3), p=[0.9, 0.05, 0.05])
    search = GridSearchCV(MADEDensity(**QUICK), {"hidden": [(4,), (8, 8)]}, cv=3, error_score="raise").fit(x)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_estimators_can_be_pickled_by_joblib():
    x = with_gaps(frame())
    density, imputer = MADEDensity(**QUICK).fit(frame()), MADEImputer(**QUICK).fit(x)
    sent = []
    for estimator in (density, imputer):
        joblib.dump(estimator, file := io.BytesIO())
        sent.append(joblib.load(io.BytesIO(file.getvalue())))
    assert (sent[0].score_samples(frame()) == density.score_samples(frame())).all()
    pd.testing.assert_frame_equal(sent[1].transform(x), imputer.transform(x))


def test_arguments_are_stored_as_they_are():
    hidden = [8, 8]
    density = MADEDensity(hidden=hidden, epochs=2, random_state=0).fit(line())
    assert density.hidden is hidden
    assert clone(density).get_params()["hidden"] == hidden
    assert len(density.history_.rows) == 2


def test_the_best_epoch_is_chosen_by_validation_rows():
    x = line(50)
    assert np.isfinite(MADEDensity(**QUICK).fit(x).history_.best_row.valid_nats)
    assert np.isnan(MADEDensity(**QUICK, validation_fraction=0).fit(x).history_.best_row.valid_nats)
    assert len(MADEDensity(hidden=(4,), lr=0.5, random_state=0).fit(x).history_.rows) < 100  # patience


def test_read_only_arrays_can_be_fitted():
    x = line(40)
    x.flags.writeable = False
    assert np.isfinite(MADEDensity(**QUICK).fit(x).score(x))


def test_an_interrupt_ends_a_grid_search(monkeypatch):
    def stopped(*_, **__):
        raise TrainingStopped("stopped in epoch 1", interrupted=True)

    monkeypatch.setattr(chainrule.sklearn, "fit", stopped)
    with pytest.raises(KeyboardInterrupt, match="stopped in epoch 1"):
        GridSearchCV(MADEDensity(**QUICK), {"lr": [0.1, 0.2]}, cv=2).fit(line(40))


def test_a_loss_that_is_no_number_raises_training_stopped(monkeypatch):
    def broke_down(*_, **__):
        raise TrainingStopped("the loss is nan", interrupted=False)

    monkeypatch.setattr(chainrule.sklearn, "fit", broke_down)
    with pytest.raises(TrainingStopped, match="the loss is nan"):
        MADEDensity(**QUICK).fit(line(40))


def test_training_prints_only_with_verbose(capfd):
    MADEDensity(**QUICK).fit(line(40))
    assert capfd.readouterr() == ("", "")
    MADEDensity(**QUICK, verbose=True).fit(line(40))
    assert "epoch 3/3" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("estimator", "x", "words"),
    [
        (MADEImputer(strategy="median"), line(9), "strategy must be one of most_likely, mean, draw, not 'median'"),
        (MADEImputer(n_draws=0), [[0.1, 1.5], [np.nan, 2.0]] * 5, "n must be at least 1, not 0"),
        (MADEDensity(validation_fraction=1.0), line(9), "validation_fraction must be a share of at least 0 and below"),
        (MADEDensity(agnostic="all"), line(9), "agnostic must be one of"),
        (MADEDensity(epochs=0), line(9), "epochs must be a whole number of at least 1"),
        (MADEDensity(kinds={"x9": "real"}), line(9), "kinds names 'x9'"),
        (MADEDensity(), [[np.nan, 1.0], [np.nan, 2.0]], "column 'x0' of X is missing throughout"),
        (MADEDensity(), [[np.inf, 1.0], [0.0, 2.0]], "infinity"),
        (MADEDensity(), frame().to_numpy(dtype=object), "could not convert string to float"),
    ],
)
def test_bad_input_is_refused(estimator, x, words):
    x = np.asarray(x)
    with pytest.raises(ValueError, match=words):
        estimator.fit(x).transform(x)


def test_numbers_that_a_column_cannot_have_are_refused():
    density = MADEDensity(**QUICK).fit([[0, 1], [2, 3]])
    with pytest.raises(ChainruleError, match=r"X: row 1, column 'x1' \(count, 1 … 3\) has the value 0.5"):
        density.score_samples([[0, 1], [0, 0.5]])


def test_sparse_data_are_refused():
    with pytest.raises(TypeError, match="dense"):
        MADEDensity(**QUICK).fit(csr_array(np.eye(4)))


def test_methods_before_fit_raise_not_fitted_error():
    for call in (lambda: MADEDensity().score(line()), MADEDensity().sample, lambda: MADEImputer().transform(line())):
        with pytest.raises(NotFittedError):
            call()


def test_importing_the_module_as_sklearn_raises_an_error():
    folder = Path(chainrule.sklearn.__file__).parent
    done = subprocess.run([sys.executable, "-c", "import sklearn"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "this file hides scikit-learn" in done.stderr
