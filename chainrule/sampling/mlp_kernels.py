"""The loops of `mlp_numba.py`, compiled by numba. Import this file only where numba is installed.

The compiler may reorder sums, so that it can add several terms at once. It may not change infinities and NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]
F = TypeVar("F", bound=Callable[..., Any])

COPY_TYPES = "void({0}[:,::1], b1[:,::1], i8[::1], i8[::1], i8[::1], i8[::1], {0}[::1])"
SAMPLE_TYPES = "void(i8[:,::1], {0}[::1], {0}[::1], {0}[:,::1], f8[:,::1], i8[::1], i8[:,::1], {0}[::1], {0}, i8)"
"""The argument types of the functions, with the dtype of the weights left open."""

TILE = 32
"""The number of data of a tile: their activations stay in the processor's cache, and weights are read once a tile."""


def compiled(function: F) -> F:
    """Compile a function for the argument types that `compile_for` asks for, and cache it on disk."""
    sums = {"reassoc", "contract", "nsz"}
    return cast("F", njit(cache=True, nogil=True, error_model="numpy", fastmath=sums)(function))


@compiled
def copy_weights(
    weight: Array, mask: Array, rows: Array, columns: Array, lengths: Array, starts: Array, buffer: Array
) -> None:
    """Copy the first columns of each row, masked and sorted, to where `sample` reads them.

    Args:
        weight, mask: [out, in].
        rows, lengths, starts: the rows, the number of columns of each row, and the start of each row in the buffer.
        columns: the columns in the order in which their units become known.
    """
    masked = np.empty_like(weight[0])
    for number in range(len(rows)):
        row, start = rows[number], starts[number]
        for column in range(len(masked)):
            masked[column] = weight[row, column] * mask[row, column]
        target = buffer[start : start + lengths[number]]
        for each in range(len(target)):
            target[each] = masked[columns[each]]


@compiled
def accumulate(totals: tuple[Any, ...], weights: Array, known: Array, row: int, begin: int) -> tuple[Any, ...]:
    """Add to the totals of four data, from `row` on, the weights times the activations from column `begin` on."""
    a, b, c, d = totals
    end = begin + len(weights)
    of_a, of_b = known[row, begin:end], known[row + 1, begin:end]
    of_c, of_d = known[row + 2, begin:end], known[row + 3, begin:end]
    for number in range(len(weights)):
        weight = weights[number]
        a += weight * of_a[number]
        b += weight * of_b[number]
        c += weight * of_c[number]
        d += weight * of_d[number]
    return a, b, c, d


@compiled
def invert_cdf(logits: Array, temperature: Any, noise: float) -> int:
    """Return the value at which the distribution function passes the noise, as `Conditionals.icdf` does.

    A single logit is the logit of the value 1.
    """
    if len(logits) == 1:
        return 1 if noise >= 1 / (1 + np.exp(np.float64(logits[0] / temperature))) else 0
    cold = logits if temperature == 1 else (logits - logits.max()) / temperature
    weights = np.exp(cold.astype(np.float64) - cold.max())
    wanted, upto = noise * weights.sum(), 0.0
    for value in range(len(weights) - 1):
        upto += weights[value]
        if upto > wanted:
            return value
    return len(weights) - 1


@compiled
def sample(
    program: Array, weights: Array, biases: Array, known: Array, noise: Array, sites: Array, values: Array,
    codes: Array, temperature: Any, outputs: int,
) -> None:  # fmt: skip
    """Compute the units in their order, and draw the value of a site as soon as its outputs are computed.

    Args:
        program, biases: of each unit (`Program`).
        weights: as `copy_weights` sorted them.
        known: the inputs and hidden activations side by side, [padded rows, units]. It is filled in place.
        noise: [n, D].
        sites: all sites in their order.
        values: of the remaining sites, [n, remaining sites]. Negative values are drawn in place.
        codes: the input that encodes each value.
        outputs: the number of outputs of a site.
    """
    n, left = values.shape
    logits = np.empty((TILE, outputs), known.dtype)
    for first in range(0, len(known), TILE):
        last, output = min(first + TILE, len(known)), 0
        for unit in range(len(program)):
            target, start, begin, end, other, other_end = program[unit]
            middle = start + end - begin
            for row in range(first, last, 4):
                bias = biases[unit]
                totals = accumulate((bias, bias, bias, bias), weights[start:middle], known, row, begin)
                if other_end > other:
                    totals = accumulate(totals, weights[middle : middle + other_end - other], known, row, other)
                for datum in range(4):
                    total = totals[datum]
                    if target < 0:
                        logits[row + datum - first, output % outputs] = total
                    else:
                        known[row + datum, target] = 0 if total < 0 else total
            if target >= 0:
                continue
            output += 1
            if output % outputs:
                continue
            index = output // outputs - 1
            column = len(sites) - left + index
            for row in range(first, min(last, n)):
                if values[row, index] < 0:
                    values[row, index] = invert_cdf(logits[row - first], temperature, noise[row, sites[column]])
                known[row, column] = codes[values[row, index]]


def compile_for(dtype: str) -> None:
    """Compile `copy_weights` and `sample` for one dtype, `f4` or `f8`, or load them from disk."""
    for function, types in ((copy_weights, COPY_TYPES), (sample, SAMPLE_TYPES)):
        cast("Any", function).compile(types.format(dtype))
