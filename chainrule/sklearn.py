"""Estimators with scikit-learn's interface: a density of tables, and an imputer of what is missing in them.

`MADEDensity` and `MADEImputer` take arrays and DataFrames, and work in pipelines and grid searches. This module is not
imported by the package: `from chainrule.sklearn import MADEDensity`.
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

from chainrule.data.columns import infer_table
from chainrule.data.preprocessing import as_kinds
from chainrule.data.rows import Rows, fill, to_frame, to_rows
from chainrule.domains import Domain, Table
from chainrule.domains.table import Kind
from chainrule.errors import ChainruleError, TrainingStopped
from chainrule.inference.conditioning import Imputation
from chainrule.inference.evaluate import log_prob_all
from chainrule.inference.impute import impute
from chainrule.inference.point_estimates import mean, most_likely
from chainrule.inference.sample import sample
from chainrule.models.made import MADE, Agnostic
from chainrule.seeding import generator
from chainrule.training.fit import fit

Kinds = Mapping[str, Kind] | Kind | None
RandomState = int | np.random.RandomState | None
Strategy = Literal["most_likely", "mean", "draw"]
SUMMARIES: dict[str, Callable[[Imputation, Domain], Tensor]] = {"most_likely": most_likely, "mean": mean}
"""The strategies that make one value of several draws."""
ZERO_OR_ONE = pd.CategoricalDtype([0, 1])
CHUNK = 4096
"""Rows walked at once: they are small."""
VALIDATION = 3
"""What the draw of the validation rows is for: the first word of its key, beside those of a MADE's draws."""


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """What the estimators share: from arrays and frames to rows of a table, and a MADE that is fitted to them."""

    def __init__(
        self,
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
        """Fits a MADE to the rows of X; where values are missing, one of any order unless another is asked for."""
        table, rows = self._learned(X)
        self.agnostic_ = agnostic or ("order" if bool(rows.isnan().any()) else None)
        seed = _seed_from(self.random_state)
        model = MADE(table, self.hidden, self.direct_connections, agnostic=self.agnostic_, seed=seed)
        train, valid = self._parted(rows, seed)
        settings = {name: getattr(self, name) for name in ("epochs", "batch_size", "lr", "weight_decay")}
        settings |= {"patience": None if valid is None else self.patience, "device": "cpu", "seed": seed}
        try:
            self.history_ = fit(model, train, valid, progress=bool(self.verbose), **settings)
        except TrainingStopped as stop:
            if stop.interrupted:  # otherwise a grid search would take it for a failed fit, and go on with the next
                raise KeyboardInterrupt(str(stop)) from None
            raise
        # In float64 what a row gets depends on the rows beside it in no digit that matters.
        self.table_, self.model_ = table, model.double()
        return self

    def _learned(self, X: Any) -> tuple[Table, Tensor]:
        """The table that X is of, and its rows, float64 [n, D]."""
        frame = self._frame(X, reset=True)
        chosen = self._kinds(list(map(str, frame)))
        if isinstance(X, pd.DataFrame):
            self._like: pd.DataFrame | NDArray[Any] = X.iloc[:0].copy()
        else:
            dtype = frame.to_numpy().dtype
            self._like = np.empty(0, np.int64 if dtype.kind in "iu" else dtype)  # narrower integers would overflow
            frame, chosen = _read_as_numbers(frame, chosen)
        table, _ = infer_table(frame, chosen, source="X")
        return table, to_rows(frame, table, "X").known("X")

    def _kinds(self, names: Sequence[str]) -> dict[str, Kind]:
        """The kinds that were chosen, by column."""
        if isinstance(self.kinds, str) and self.kinds in get_args(Kind):
            return dict.fromkeys(names, self.kinds)
        return as_kinds(self.kinds)

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """X as a frame whose columns have names: those that it was fitted with, else x0, x1, …"""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = pd.DataFrame(validate_data(self, X, reset=reset, ensure_all_finite="allow-nan"))
        places = [f"x{place}" for place in range(self.n_features_in_)]
        named: pd.DataFrame = X.set_axis(list(getattr(self, "feature_names_in_", places)), axis=1)
        return named

    def _rows(self, frame: pd.DataFrame, unseen: str) -> Rows:
        """The rows of the frame; says what is done with values that are no level of their column."""
        rows = to_rows(frame, self.table_, "X")
        for words in rows.in_words():
            warnings.warn(f"{words}, which fit has not seen: {unseen}", stacklevel=3)
        return rows

    def _parted(self, rows: Tensor, seed: int) -> tuple[Tensor, Tensor | None]:
        """The rows to train on, and those to choose the epoch by, if there are any."""
        if not 0 <= self.validation_fraction < 1:
            raise ChainruleError(
                f"validation_fraction must be a share of at least 0 and below 1, not {self.validation_fraction}"
            )
        n = len(rows)
        count = min(math.ceil(self.validation_fraction * n), n - 1)
        order = randperm(n, generator=generator(seed, VALIDATION, 0))
        return rows[order[count:]], rows[order[:count]] if count else None


class MADEDensity(DensityMixin, TableEstimator):  # type: ignore[misc]
    """MADE as a density estimator: log-likelihoods and samples of arrays and frames.

    Columns are inferred. Of a frame: two values are binary; strings, booleans and categories categorical; whole numbers
    counts, or integers where some are negative; other numbers real. Of an array: all binary if it holds zeros and ones
    alone; otherwise all are numbers, counts, integers or real. Real columns have densities, in the units of the column;
    all others probabilities. Missing values (NaN, None) are summed out.

    Args:
        hidden: the width of each hidden layer.
        direct_connections: adds masked weights straight from inputs to outputs.
        agnostic: None for one order of the columns; "order" to train all orders at once, so that missing values can be
            summed out, "connectivity", or "both". Where X has missing values, None becomes "order".
        kinds: what kind a column is, by its name: binary, categorical, count, integer or real; or one kind for all.
            Columns that are not named, and all without kinds, are inferred. Columns without names are x0, x1, …
        epochs: the most passes over the data.
        batch_size: rows in one update.
        lr: the learning rate at its highest; it falls to zero along half a cosine.
        weight_decay: AdamW's decoupled decay.
        validation_fraction: the share of the rows, drawn at random, on which the epoch to keep is chosen; 0 for none.
        patience: stop after so many epochs without a better validation NLL; None to run them all.
        random_state: of the weights, the validation rows and the order of the data; see scikit-learn's glossary.
        verbose: show a progress bar and a line an epoch, on standard error.

    Attributes:
        model_: the fitted `MADE`, in float64, on the CPU.
        table_: its domain, the `Table` of columns.
        agnostic_: what the model was trained as.
        history_: NLL by epoch.
        n_features_in_, feature_names_in_: as in scikit-learn; names only where X was a frame that has them.

    Example:
        >>> X = np.random.RandomState(0).normal(size=(200, 2))
        >>> density = MADEDensity(epochs=5, random_state=0).fit(X)
        >>> density.score_samples(X).shape, density.sample(3, random_state=1).shape
        ((200,), (3, 2))
    """

    def __init__(
        self,
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
            hidden, direct_connections, kinds, epochs, batch_size, lr, weight_decay, validation_fraction, patience, random_state,
            verbose,
        )  # fmt: skip
        self.agnostic = agnostic

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Fits the density to X [n, D].

        Args:
            X: an array, or a frame; missing values are NaN or None.
            y: not used.

        Raises:
            ValueError: data or arguments that make no model.
            TrainingStopped: the loss is no longer a number.
        """
        return self._fit(X, self.agnostic)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log p of each row of X, of what is known of it: float64 [n], in nats.

        Raises:
            ValueError: other columns than in fit, numbers that a column does not have, or missing values, and the
                density was not trained for them (`agnostic="order"`).

        Warns:
            UserWarning: a category that was not in fit: its rows have log p = -inf.
        """
        check_is_fitted(self)
        rows = self._rows(self._frame(X, reset=False), "the log p of these rows is -inf")
        possible = ~rows.unseen.any(1).numpy()
        found = np.full(len(possible), -np.inf)
        found[possible] = log_prob_all(self.model_, rows.values[possible]).numpy()
        return found

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """The total log-likelihood of X in nats, as of scikit-learn's `KernelDensity`.

        Raises:
            ValueError: as for `score_samples`.
        """
        return float(self.score_samples(X).sum())

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> pd.DataFrame | NDArray[Any]:
        """Draws rows: of the columns and types that X had in fit, a frame if it was one.

        Args:
            n_samples: how many.
            random_state: an integer for draws that can be repeated; None for others each time.

        Raises:
            ValueError: n_samples < 1.
        """
        check_is_fitted(self)
        drawn = sample(self.model_, n_samples, _seed_from(random_state), batch_size=CHUNK)
        return _laid_out(to_frame(drawn, self.table_), self._like)


class MADEImputer(OneToOneFeatureMixin, TransformerMixin, TableEstimator):  # type: ignore[misc]
    """Fills what is missing in arrays and frames, given whatever else is known of the row.

    The MADE is trained for all orders of the columns, and draws from the exact p(missing | known) of the one that
    begins with what is known. Kinds of columns are inferred as by `MADEDensity`.

    Args:
        strategy: what is filled in: "most_likely" for the most likely value of each entry by itself; "mean" for the
            mean, of categories the most likely, of whole numbers the nearest; "draw" for one draw of all that is
            missing in the row together.
        n_draws: how many draws the most likely value, or the mean, is made of.
        random_state: of fitting, and of what the strategy "draw" draws: an integer draws the same each time.

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
            hidden, direct_connections, kinds, epochs, batch_size, lr, weight_decay, validation_fraction, patience, random_state,
            verbose,
        )  # fmt: skip
        self.strategy, self.n_draws = strategy, n_draws

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Fits the model to what is known of X [n, D].

        Args:
            X: an array, or a frame; missing values are NaN or None.
            y: not used.

        Raises:
            ValueError: data or arguments that make no model.
            TrainingStopped: the loss is no longer a number.
        """
        if self.strategy not in (*SUMMARIES, "draw"):
            raise ChainruleError(f"strategy must be one of {', '.join([*SUMMARIES, 'draw'])}, not {self.strategy!r}")
        return self._fit(X, "order")

    def transform(self, X: Any) -> pd.DataFrame | NDArray[Any]:
        """X with every missing value filled, and all others as they are, of the same types.

        A frame where X is one, and that in fit was one.

        Raises:
            ValueError: other columns than in fit, or numbers that a column does not have.

        Warns:
            UserWarning: a category that was not in fit: it is kept, and nothing is concluded from it.
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        rows = self._rows(frame, "it is kept, and nothing is concluded from it").values
        filled = fill(frame, to_frame(self._completed(rows), self.table_))
        framed = isinstance(X, pd.DataFrame) and isinstance(self._like, pd.DataFrame)
        return _laid_out(filled, X if framed else frame.to_numpy())

    def _completed(self, rows: Tensor) -> Tensor:
        """The rows [n, D], with values in place of NaN."""
        holed = rows.isnan().any(1)
        if not bool(holed.any()):
            return rows
        summary = SUMMARIES.get(self.strategy)
        # For draws that stand for a distribution the noise is always the same: what they amount to is no draw.
        n, seed = (self.n_draws, 0) if summary else (1, _seed_from(self.random_state))
        found = impute(self.model_, rows[holed], ~rows[holed].isnan(), n, seed, batch_size=CHUNK)
        return rows.index_put((holed,), summary(found, self.table_) if summary else found.values[:, 0])


def _seed_from(random_state: RandomState) -> int:
    """A seed, as scikit-learn draws one: for an integer always the same, for None another one each time."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _read_as_numbers(frame: pd.DataFrame, chosen: dict[str, Kind]) -> tuple[pd.DataFrame, dict[str, Kind]]:
    """The columns of an array, and their kinds: those that were chosen, and for the others that of their numbers.

    Few values are not taken for levels, as in frames: of an array of numbers a column has often one or two in a part of
    the rows alone, and the rows of another part must have a likelihood too.
    """
    free = [name for name in map(str, frame) if name not in chosen]
    if bool((frame.isna() | (frame == 0) | (frame == 1)).all(axis=None)):
        return frame.astype(np.float64).astype(dict.fromkeys(free, ZERO_OR_ONE)), chosen
    return frame, {**chosen, **{name: _kind_of_numbers(frame[name]) for name in free}}


def _kind_of_numbers(values: pd.Series) -> Kind:
    known = values.dropna()
    if bool((known != known.round()).any()):
        return "real"
    return "integer" if bool((known < 0).any()) else "count"


def _laid_out(frame: pd.DataFrame, like: pd.DataFrame | NDArray[Any]) -> pd.DataFrame | NDArray[Any]:
    """The frame with the columns' names of another; or as an array, of the type of another."""
    return frame.set_axis(like.columns, axis=1) if isinstance(like, pd.DataFrame) else frame.to_numpy(like.dtype)
