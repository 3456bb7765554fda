"""The masks of MADE and of masked convolutions, as functions of degrees and colour groups."""

from __future__ import annotations

import torch
from torch import Tensor


def degree_mask(out_degrees: Tensor, in_degrees: Tensor, strict: bool, dtype: torch.dtype = torch.bool) -> Tensor:
    """Return a mask of MADE: [out, in], True where an output may read an input.

    Hidden layers, M^W: m(k') >= m(k). Output layer, M^V: d > m(k) (`strict`).
    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        dtype: of the mask. With the dtype of the weights, making the mask and multiplying by it takes half the time.
            The dtype must hold the degrees exactly.

    Example:
        >>> degree_mask(torch.tensor([1, 2]), torch.tensor([1, 2]), strict=False).int().tolist()
        [[1, 0], [1, 1]]
    """
    later, earlier = out_degrees[:, None], in_degrees[None, :]
    compare = torch.gt if strict else torch.ge
    if dtype == torch.bool:
        return compare(later, earlier)
    mask = torch.empty(len(later), len(in_degrees), dtype=dtype, device=later.device)
    return compare(later.to(dtype), earlier.to(dtype), out=mask)


def colour_groups(features: int, colours: int) -> Tensor:
    """Return the colour of each feature: int64 [features], in groups that are as even as possible.

    Example:
        >>> colour_groups(5, 3).tolist()
        [0, 0, 1, 1, 2]
    """
    return torch.arange(features) * colours // features


def convolution_mask(out_groups: Tensor, in_groups: Tensor, kernel: tuple[int, int], kind: str) -> Tensor:
    """Return mask A or B of a convolution: bool [out, in, rows, columns], True at open taps.

    Taps before the centre in raster order are open. At the centre, a feature reads the colours before its own colour
    (mask A), and its own colour too (mask B).
    Source: PixelRNN (arXiv:1601.06759), section 3.4 and figure 2.
    """
    rows, columns = kernel
    mask = torch.zeros(len(out_groups), len(in_groups), rows, columns, dtype=torch.bool)
    mask[:, :, : rows // 2] = True
    mask[:, :, rows // 2, : columns // 2] = True
    mask[:, :, rows // 2, columns // 2] = degree_mask(out_groups, in_groups, strict=kind == "A")
    return mask
