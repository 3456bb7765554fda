"""The loops of `inner_loop.py`, compiled by numba: to be imported only where it is wanted and there.

Sums may be done in any order, so that they are done several terms at once; nothing else is left to the compiler, and
infinities and NaN stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]
F = TypeVar("F", bound=Callable[..., Any])

LAY = "void({0}[:,::1], b1[:,::1], i8[::1], i8[::1], i8[::1], i8[::1], {0}[::1])"
CLIMB = "void(i8[:,::1], {0}[::1], {0}[::1], {0}[:,::1], f8[:,::1], i8[::1], i8[:,::1], {0}[::1], {0}, i8)"
"""The types of what they take, with that of the numbers left open."""

TILE = 32
"""So many data climb at once: what is known of them stays near the processor, and weights are fetched once for them."""


def compiled(function: F) -> F:
    """The function, compiled for the types that it is asked for, and kept on disk."""
    sums = {"reassoc", "contract", "nsz"}
    return cast("F", njit(cache=True, nogil=True, error_model="numpy", fastmath=sums)(function))


@compiled
def lay(weight: Array, mask: Array, rows: Array, columns: Array, lengths: Array, starts: Array, room: Array) -> None:
    """Puts the first columns of each row, masked and in their order, where the climb will read them.

    Args:
        weight, mask: [out, in].
        rows, lengths, starts: which row, how many of its columns, and where in the room they begin.
        columns: the columns in the order in which they become known.
    """
    masked = np.empty_like(weight[0])
    for number in range(len(rows)):
        row, start = rows[number], starts[number]
        for column in range(len(masked)):
            masked[column] = weight[row, column] * mask[row, column]
        place = room[start : start + lengths[number]]
        for each in range(len(place)):
            place[each] = masked[columns[each]]


@compiled
def read(totals: tuple[Any, ...], weights: Array, known: Array, row: int, begin: int) -> tuple[Any, ...]:
    """The totals of four data from `row` on, and the weights times what is known of each from column `begin` on."""
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
def inverted(logits: Array, temperature: Any, noise: float) -> int:
    """The value at which the distribution function passes the noise, as `Conditionals` has it; a lone logit is of 1."""
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
def climb(
    program: Array, weights: Array, biases: Array, known: Array, noise: Array, sites: Array, values: Array,
    codes: Array, temperature: Any, parameters: int,
) -> None:  # fmt: skip
    """Computes the units in their order, and draws the value of a site as soon as its outputs are there.

    Args:
        program, biases: of each unit (`Program`).
        weights: as `lay` put them.
        known: the inputs and the units of each hidden layer, side by side, [rows, all]; the rows are those of the data,
            and more if their number is no multiple of four. It is filled.
        noise: [n, D].
        sites: all sites in their order.
        values: of the sites that are left, [n, sites left]; it is filled where it is negative.
        codes: the input that stands for each value.
        parameters: how many outputs a site has.
    """
    n, left = values.shape
    logits = np.empty((TILE, parameters), known.dtype)
    for first in range(0, len(known), TILE):
        last, output = min(first + TILE, len(known)), 0
        for unit in range(len(program)):
            target, start, begin, end, other, other_end = program[unit]
            middle = start + end - begin
            for row in range(first, last, 4):
                bias = biases[unit]
                totals = read((bias, bias, bias, bias), weights[start:middle], known, row, begin)
                if other_end > other:
                    totals = read(totals, weights[middle : middle + other_end - other], known, row, other)
                for datum in range(4):
                    total = totals[datum]
                    if target < 0:
                        logits[row + datum - first, output % parameters] = total
                    else:
                        known[row + datum, target] = 0 if total < 0 else total
            if target >= 0:
                continue
            output += 1
            if output % parameters:
                continue
            place = output // parameters - 1
            column = len(sites) - left + place
            for row in range(first, min(last, n)):
                if values[row, place] < 0:
                    values[row, place] = inverted(logits[row - first], temperature, noise[row, sites[column]])
                known[row, column] = codes[values[row, place]]


def ready(kind: str) -> None:
    """Compiles `lay` and `climb`, or finds them on disk, for one kind of numbers: `f4` or `f8`."""
    for function, types in ((lay, LAY), (climb, CLIMB)):
        cast("Any", function).compile(types.format(kind))
