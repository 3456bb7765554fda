"""Estimators with scikit-learn's interface: a density of tables, and an imputer of their missing values.

`MADEDensity` and `MADEImputer` take arrays and DataFrames, and work in pipelines and grid searches. Import them from
this module: the package itself does not.
"""

from __future__ import annotations

if __name__ == "sklearn":
    raise ImportError(
        "this file hides scikit-learn where its folder is the first on Python's path; work in another one"
    )

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, DensityMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, randperm

from chainrule.data import Rows, fill_missing, infer_table, parse_kinds, to_frame, to_rows
from chainrule.domains import Kind, Table
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.inference import Imputation, compute_log_probs, impute
from chainrule.models.made import MADE, Agnostic
from chainrule.seeding import generator
from chainrule.training import fit

Kinds = Mapping[str, Kind] | Kind | None
RandomState = int | np.random.RandomState | None
Strategy = Literal["most_likely", "mean", "draw"]
POINT_ESTIMATES: dict[str, Callable[[Imputation], Tensor]] = {
    "most_likely": Imputation.most_likely,
    "mean": Imputation.mean,
}
"""The strategies that make one value of several draws."""
STRATEGIES = (*POINT_ESTIMATES, "draw")
ZERO_OR_ONE = pd.CategoricalDtype([0, 1])
BATCH_SIZE = 4096
"""Rows that are decoded at once: they are small."""
VALIDATION = 3
"""The first word of the key with which the validation rows are drawn; a MADE's own draws have other words."""


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """The base class of the estimators: it turns arrays and frames into rows of a table, and fits a MADE to them."""

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (100,),
        direct_connections: bool = False,
        kinds: Kinds = None,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 5e-3,
        weight_decay: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.hidden, self.direct_connections, self.kinds = hidden, direct_connections, kinds
        self.epochs, self.batch_size, self.lr, self.weight_decay = epochs, batch_size, lr, weight_decay
        self.validation_fraction, self.patience = validation_fraction, patience
        self.random_state, self.verbose = random_state, verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, X: Any, agnostic: Agnostic | None) -> Self:
        """Fit a MADE to the rows of X; where values are missing, `agnostic` is "order" unless it is given."""
        table, rows = self._infer_rows(X)
        has_missing_values = bool(rows.isnan().any())
        self.agnostic_ = agnostic or ("order" if has_missing_values else None)
        seed = _draw_seed(self.random_state)
        model = MADE(table, self.hidden, self.direct_connections, agnostic=self.agnostic_, seed=seed)
        train, valid = self._split(rows, seed)
        try:
            self.history_ = fit(
                model, train, valid, epochs=self.epochs, batch_size=self.batch_size, lr=self.lr,
                weight_decay=self.weight_decay, patience=None if valid is None else self.patience, device="cpu",
                seed=seed, progress=bool(self.verbose),
            )  # fmt: skip
        except TrainingStopped as stop:
            if stop.interrupted:  # otherwise a grid search would take it for a failed fit, and start the next fit
                raise KeyboardInterrupt(str(stop)) from None
            raise
        # In float64, the other rows of a batch change no digit of a row's result that matters.
        self.table_, self.model_ = table, model.double()
        return self

    def _infer_rows(self, X: Any) -> tuple[Table, Tensor]:
        """Return the table that is inferred from X, and its rows, float64 [n, D]."""
        frame = self._frame(X, reset=True)
        chosen = self._kinds(list(map(str, frame)))
        if isinstance(X, pd.DataFrame):
            self._template_: pd.DataFrame | NDArray[Any] = X.iloc[:0].copy()
        else:
            dtype = frame.to_numpy().dtype
            self._template_ = np.empty(0, np.int64 if dtype.kind in "iu" else dtype)  # narrower integers would overflow
            frame, chosen = _infer_kinds_of_array(frame, chosen)
        table, _ = infer_table(frame, kinds=chosen, source="X")
        return table, to_rows(frame, table, source="X").require_known("X")

    def _kinds(self, names: Sequence[str]) -> dict[str, Kind]:
        """Return the kinds that were chosen, by column."""
        if isinstance(self.kinds, str) and self.kinds in get_args(Kind):
            return dict.fromkeys(names, self.kinds)
        return parse_kinds(self.kinds)

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return X as a frame; its columns have the names of `fit`, or x0, x1, … where there are none."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = pd.DataFrame(validate_data(self, X, reset=reset, ensure_all_finite="allow-nan"))
        numbered = [f"x{column}" for column in range(self.n_features_in_)]
        named: pd.DataFrame = X.set_axis(list(getattr(self, "feature_names_in_", numbered)), axis=1)
        return named

    def _rows(self, frame: pd.DataFrame, consequence: str) -> Rows:
        """Return the rows of the frame; a warning says what is done with values that are no level of their column."""
        rows = to_rows(frame, self.table_, source="X")
        for words in rows.describe_unknown():
            warnings.warn(f"{words}, which fit has not seen: {consequence}", stacklevel=3)
        return rows

    def _split(self, rows: Tensor, seed: int) -> tuple[Tensor, Tensor | None]:
        """Return the rows to train on, and the rows to choose the epoch by, None where there are none."""
        if not 0 <= self.validation_fraction < 1:
            raise ChainruleError(
                f"validation_fraction must be a share of at least 0 and below 1, not {self.validation_fraction}"
            )
        n = len(rows)
        count = min(math.ceil(self.validation_fraction * n), n - 1)
        order = randperm(n, generator=generator(seed, VALIDATION, 0))
        return rows[order[count:]], rows[order[:count]] if count else None


class MADEDensity(DensityMixin, TableEstimator):  # type: ignore[misc]
    """Estimate the density of arrays and frames with a MADE: log-likelihoods and samples.

    The kinds of columns are inferred. In a frame, columns of two values are binary; strings, booleans and categories
    are categorical; whole numbers are counts, or integers where some are negative; other numbers are real. An array of
    zeros and ones alone is binary; the columns of other arrays are counts, integers or real. Real columns have
    densities, in the units of the column; all other columns have probabilities. Missing values (NaN, None) are summed
    out.

    Args:
        hidden: the width of each hidden layer.
        direct_connections: whether masked weights lead straight from inputs to outputs.
        agnostic: None for one order of the columns; "order" to train all orders at once, so that missing values can be
            summed out; "connectivity"; or "both". Where X has missing values, None becomes "order".
        kinds: the kind of each column by its name, binary, categorical, count, integer or real; or one kind for all
            columns. Other columns are inferred. Columns without names are called x0, x1, …
        epochs: the largest number of passes over the data.
        batch_size: the number of rows in one update.
        lr: the highest learning rate; it falls to zero along half a cosine.
        weight_decay: AdamW's decoupled weight decay.
        validation_fraction: the share of the rows, drawn at random, by which the best epoch is chosen; 0 for none.
        patience: the number of epochs without a better validation NLL after which training stops; None for all epochs.
        random_state: seeds the weights, the validation rows and the order of the data; see scikit-learn's glossary.
        verbose: whether to show a progress bar, and a line for each epoch, on standard error.

    Attributes:
        model_: the fitted `MADE`, in float64, on the CPU.
        table_: the domain of the model, a `Table` of columns.
        agnostic_: the value of `agnostic` with which the model was trained.
        history_: the NLL of each epoch.
        n_features_in_, feature_names_in_: as in scikit-learn; names only where X was a frame with names.

    Example:
        >>> X = np.random.RandomState(0).normal(size=(200, 2))
        >>> density = MADEDensity(epochs=5, random_state=0).fit(X)
        >>> density.score_samples(X).shape, density.sample(3, random_state=1).shape
        ((200,), (3, 2))
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (100,),
        direct_connections: bool = False,
        agnostic: Agnostic | None = None,
        kinds: Kinds = None,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 5e-3,
        weight_decay: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden=hidden, direct_connections=direct_connections, kinds=kinds, epochs=epochs, batch_size=batch_size,
            lr=lr, weight_decay=weight_decay, validation_fraction=validation_fraction, patience=patience,
            random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.agnostic = agnostic

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Fit the density to X [n, D], and return the estimator.

        Args:
            X: an array or a frame; missing values are NaN or None.
            y: not used.

        Raises:
            ValueError: data or arguments that make no model.
            TrainingStopped: the loss is no longer a number.
        """
        return self._fit(X, self.agnostic)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return log p of the known values of each row of X: float64 [n], in nats.

        Raises:
            ValueError: other columns than in fit, numbers that a column cannot have, or missing values where the
                density was not trained for them (`agnostic="order"`).

        Warns:
            UserWarning: a category that was not in fit; log p of its rows is -inf.
        """
        check_is_fitted(self)
        rows = self._rows(self._frame(X, reset=False), "the log p of these rows is -inf")
        possible = ~rows.unknown.any(1).numpy()
        found = np.full(len(possible), -np.inf)
        found[possible] = compute_log_probs(self.model_, rows.values[possible]).numpy()
        return found

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return the total log-likelihood of X in nats, as scikit-learn's `KernelDensity` does.

        Raises:
            ValueError: as for `score_samples`.
        """
        return float(self.score_samples(X).sum())

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> pd.DataFrame | NDArray[Any]:
        """Draw rows with the columns and types of X in fit: a frame if X was a frame.

        Args:
            n_samples: the number of rows.
            random_state: an integer for draws that can be repeated; None for other draws each time.

        Raises:
            ValueError: n_samples < 1.
        """
        check_is_fitted(self)
        x = self.model_.sample(n_samples, seed=_draw_seed(random_state), batch_size=BATCH_SIZE)
        return _in_form_of(self._template_, to_frame(x, self.table_))


class MADEImputer(OneToOneFeatureMixin, TransformerMixin, TableEstimator):  # type: ignore[misc]
    """Fill in the missing values of arrays and frames, given the known values of the row.

    The MADE is trained for all orders of the columns, and draws from the exact p(missing | known) of an order that
    begins with the known columns. The kinds of columns are inferred as by `MADEDensity`.

    Args:
        strategy: the value to fill in. "most_likely" is the most likely value of each entry by itself; "mean" is the
            mean (of categories the most likely, of whole numbers the nearest); "draw" is one draw of all missing values
            of the row together.
        n_draws: the number of draws from which the most likely value, or the mean, is computed.
        random_state: seeds fitting, and the draws of the strategy "draw": an integer draws the same each time.

    All other arguments, and the attributes, are those of `MADEDensity`; `agnostic_` is always "order".

    Example:
        >>> rng = np.random.RandomState(0)
        >>> X = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 2))
        >>> X[0, 1] = np.nan
        >>> filled = MADEImputer(epochs=5, random_state=0).fit_transform(X)
        >>> bool(np.isfinite(filled).all()), bool((filled[1:] == X[1:]).all())
        (True, True)
    """

    def __init__(
        self,
        *,
        strategy: Strategy = "most_likely",
        n_draws: int = 100,
        hidden: Sequence[int] = (100,),
        direct_connections: bool = False,
        kinds: Kinds = None,
        epochs: int = 100,
        batch_size: int = 32,
        lr: float = 5e-3,
        weight_decay: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            hidden=hidden, direct_connections=direct_connections, kinds=kinds, epochs=epochs, batch_size=batch_size,
            lr=lr, weight_decay=weight_decay, validation_fraction=validation_fraction, patience=patience,
            random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.strategy, self.n_draws = strategy, n_draws

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Fit the model to the known values of X [n, D], and return the estimator.

        Args:
            X: an array or a frame; missing values are NaN or None.
            y: not used.

        Raises:
            ValueError: data or arguments that make no model.
            TrainingStopped: the loss is no longer a number.
        """
        if self.strategy not in STRATEGIES:
            raise ChainruleError(f"strategy must be one of {', '.join(STRATEGIES)}, not {self.strategy!r}")
        return self._fit(X, "order")

    def transform(self, X: Any) -> pd.DataFrame | NDArray[Any]:
        """Return X with every missing value filled in, and all other values and types as they are.

        The result is a frame where X is a frame and X in fit was one.

        Raises:
            ValueError: other columns than in fit, or numbers that a column cannot have.

        Warns:
            UserWarning: a category that was not in fit; it is kept, and nothing is concluded from it.
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        rows = self._rows(frame, "it is kept, and nothing is concluded from it").values
        filled = fill_missing(frame, to_frame(self._impute(rows), self.table_))
        both_frames = isinstance(X, pd.DataFrame) and isinstance(self._template_, pd.DataFrame)
        return _in_form_of(X if both_frames else frame.to_numpy(), filled)

    def _impute(self, rows: Tensor) -> Tensor:
        """Return the rows [n, D], with values in place of NaN."""
        incomplete = rows.isnan().any(1)
        if not bool(incomplete.any()):
            return rows
        estimate = POINT_ESTIMATES.get(self.strategy)
        # A point estimate is no draw: its noise is always the same.
        n, seed = (self.n_draws, 0) if estimate else (1, _draw_seed(self.random_state))
        x, known = rows[incomplete], ~rows[incomplete].isnan()
        imputation = impute(self.model_, x, known, n=n, seed=seed, batch_size=BATCH_SIZE)
        return rows.index_put((incomplete,), estimate(imputation) if estimate else imputation.values[:, 0])


def _draw_seed(random_state: RandomState) -> int:
    """Return a seed as scikit-learn draws it: always the same for an integer, another one each time for None."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _infer_kinds_of_array(frame: pd.DataFrame, chosen: dict[str, Kind]) -> tuple[pd.DataFrame, dict[str, Kind]]:
    """Return the columns of an array, and their kinds: the chosen kind, or the kind of the column's numbers.

    Few values are not taken for levels, as they are in frames. A column of an array has often one or two values in a
    part of the rows, and the rows of another part must have a likelihood too.
    """
    free = [name for name in map(str, frame) if name not in chosen]
    if bool((frame.isna() | (frame == 0) | (frame == 1)).all(axis=None)):
        return frame.astype(np.float64).astype(dict.fromkeys(free, ZERO_OR_ONE)), chosen
    return frame, {**chosen, **{name: _kind_of_numbers(frame[name]) for name in free}}


def _kind_of_numbers(values: pd.Series) -> Kind:
    """Return the kind of a column of numbers: real, integer, or count."""
    known = values.dropna()
    if bool((known != known.round()).any()):
        return "real"
    return "integer" if bool((known < 0).any()) else "count"


def _in_form_of(template: pd.DataFrame | NDArray[Any], frame: pd.DataFrame) -> pd.DataFrame | NDArray[Any]:
    """Return the frame with the column names of a template, or as an array of its type."""
    if isinstance(template, pd.DataFrame):
        return frame.set_axis(template.columns, axis=1)
    return frame.to_numpy(template.dtype)
