"""Convolution as the sum itself: its loops, the products of one output, and the size of the output.

Dumoulin, Visin: A guide to convolution arithmetic for deep learning. 2016, arXiv:1603.07285.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from chainrule.learn.arrays import FloatArray


def output_size(size: int, kernel: int, *, stride: int = 1, padding: int = 0) -> int:
    """Return the number of positions of a kernel along one side: ⌊(size + 2 · padding − kernel) / stride⌋ + 1.

    Source: Dumoulin and Visin (arXiv:1603.07285), relationship 6.

    Args:
        size: the number of pixels along that side.
        kernel: the number of taps along that side.
        stride: the number of pixels from one position to the next.
        padding: the number of zeros at each end.

    Raises:
        ValueError: a size, kernel or stride below 1, padding below 0, or a kernel longer than the padded side.

    Example:
        >>> output_size(3, 2), output_size(28, 7, padding=3), output_size(5, 3, stride=2, padding=1)
        (2, 28, 3)
    """
    for name, value in {"size": size, "kernel": kernel, "stride": stride}.items():
        check_integer(name, value, 1)
    check_integer("padding", padding, 0)
    if kernel > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} does not fit into {size} + 2 · {padding} pixels; give more padding")
    return (size + 2 * padding - kernel) // stride + 1


def output_shape(x: FloatArray, k: FloatArray, stride: int) -> tuple[int, int]:
    """Return the rows and columns of the output of a kernel [rows, columns] on a padded image [rows, columns]."""
    rows, columns = x.shape
    height = output_size(rows, k.shape[0], stride=stride)
    return height, output_size(columns, k.shape[1], stride=stride)


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: int = 1,
    padding: int = 0,
) -> FloatArray:
    """Compute y_{i,j} = Σ_a Σ_b k_{a,b} x_{s·i+a, s·j+b} with loops.

    Networks call this a convolution. In mathematics it is the cross-correlation: a convolution rotates the kernel by
    180° first (`flip_kernel`).

    Args:
        image: one channel, [rows, columns].
        kernel: [kernel rows, kernel columns].
        stride: s, the number of pixels from one position of the kernel to the next.
        padding: the number of zeros on each of the four sides.

    Returns:
        float64 [output rows, output columns], of the sizes that `output_size` returns.

    Raises:
        ValueError: an image or a kernel without two axes, or sizes that `output_size` refuses.

    Example:
        >>> convolve([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])
        array([[19., 25.],
               [37., 43.]])
    """
    x, k = pad_image(image, padding), as_matrix(kernel, "kernel")
    rows, columns = output_shape(x, k, stride)
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for a in range(k.shape[0]):
                for b in range(k.shape[1]):
                    y[i, j] += k[a, b] * x[stride * i + a, stride * j + b]
    return y


def list_products(
    image: ArrayLike, kernel: ArrayLike, row: int, column: int, *, stride: int = 1, padding: int = 0
) -> list[tuple[float, float]]:
    """Return the pairs (kernel weight, pixel) whose products sum to one output y_{row,column}.

    Args:
        image: one channel, [rows, columns].
        kernel: [kernel rows, kernel columns].
        row, column: of the output, from 0.
        stride, padding: as for `convolve`.

    Raises:
        ValueError: as `convolve`; or a row or column outside the output.

    Example:
        >>> list_products([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]], 0, 1)
        [(0.0, 1.0), (1.0, 2.0), (2.0, 4.0), (3.0, 5.0)]
    """
    x, k = pad_image(image, padding), as_matrix(kernel, "kernel")
    rows, columns = output_shape(x, k, stride)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"the output has {rows}×{columns} values; there is none at row {row}, column {column}")
    window = x[stride * row :, stride * column :][: k.shape[0], : k.shape[1]]
    return list(zip(k.flatten().tolist(), window.flatten().tolist(), strict=True))


def convolve_channels(maps: ArrayLike, kernels: ArrayLike, *, stride: int = 1, padding: int = 0) -> FloatArray:
    """Convolve several channels: each output channel is the sum of one convolution for each input channel.

    Args:
        maps: [in, rows, columns].
        kernels: [out, in, kernel rows, kernel columns].
        stride, padding: as for `convolve`.

    Returns:
        float64 [out, output rows, output columns].

    Raises:
        ValueError: kernels for another number of channels; or as `convolve`.

    Example:
        >>> convolve_channels(np.ones((3, 2, 2)), np.ones((1, 3, 2, 2)))
        array([[[12.]]])
    """
    x, k = np.asarray(maps, dtype=float), np.asarray(kernels, dtype=float)
    if x.ndim != 3 or k.ndim != 4 or len(x) != k.shape[1]:
        raise ValueError(f"maps [in, H, W] need kernels [out, in, rows, columns], not {x.shape} and {k.shape}")

    def convolve_one(channel: FloatArray, kernel: FloatArray) -> FloatArray:
        return convolve(channel, kernel, stride=stride, padding=padding)

    return np.stack([sum(map(convolve_one, x, output_kernels)) for output_kernels in k])


def flip_kernel(kernel: ArrayLike) -> FloatArray:
    """Return the kernel rotated by 180°; `convolve` with it is the convolution of mathematics.

    Raises:
        ValueError: a kernel without two axes.

    Example:
        >>> flip_kernel([[0, 1], [2, 3]])
        array([[3., 2.],
               [1., 0.]])
    """
    return as_matrix(kernel, "kernel")[::-1, ::-1]


def check_integer(name: str, value: object, minimum: int) -> None:
    """Raise ValueError unless the value is an integer of at least `minimum`."""
    if not isinstance(value, Integral) or int(value) < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, not {value}")


def as_matrix(values: ArrayLike, name: str) -> FloatArray:
    """Return the values as float64 [rows, columns].

    Raises:
        ValueError: values of another shape, or without rows or columns.
    """
    matrix = np.asarray(values, dtype=float)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"the {name} must have rows and columns, not the shape {matrix.shape}")
    return matrix


def pad_image(image: ArrayLike, padding: int) -> FloatArray:
    """Return the image [rows, columns] with `padding` zeros on each side.

    Raises:
        ValueError: an image of another shape, or padding below 0.

    Example:
        >>> pad_image([[5]], 1)
        array([[0., 0., 0.],
               [0., 5., 0.],
               [0., 0., 0.]])
    """
    check_integer("padding", padding, 0)
    return np.pad(as_matrix(image, "image"), padding)
