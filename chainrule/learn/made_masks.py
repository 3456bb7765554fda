"""MADE's masks: build them, count the open paths, and replace them by wrong masks.

Germain, Gregor, Murray, Larochelle: MADE: Masked Autoencoder for Distribution Estimation. 2015, arXiv:1502.03509.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from chainrule.errors import ChainruleError
from chainrule.layers.masks import degree_mask
from chainrule.models.made import MADE, hidden_degrees
from chainrule.seeding import generator


def build_masks(inputs: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
    """Return M^W of each hidden layer, 1 where m(k') ≥ m(k), and M^V of the outputs, 1 where d > m(k).

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        inputs: the degree of each input, int64 [D]: its position in the order, from 1. Outputs have the same degrees.
        hidden: m(k) of each hidden layer, int64 [width].

    Returns:
        The mask of each layer, bool [out, in], from the inputs to the outputs.

    Example:
        >>> w, v = build_masks(torch.tensor([1, 2, 3]), [torch.tensor([2, 1])])
        >>> w.int().tolist(), v.int().tolist()
        ([[1, 1, 0], [1, 0, 0]], [[0, 0], [0, 1], [1, 1]])
    """
    degrees, masks = [inputs, *hidden], []
    for below, above in pairwise(degrees):
        masks.append(degree_mask(above, below, strict=False))
    masks.append(degree_mask(inputs, degrees[-1], strict=True))
    return masks


def count_paths(masks: Sequence[Tensor], direct_mask: Tensor | None = None) -> Tensor:
    """Return the number of open paths from each input to each output: the product of the masks, M^V … M^W.

    Entry [d', d] is 0 where d' does not come after d in the order: a path would need a unit with d' > m(k) ≥ d.
    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        masks: the mask of each layer, bool or 0 and 1, [out, in], from the inputs to the outputs.
        direct_mask: M^A of direct connections from inputs to outputs, [D, D].

    Returns:
        int64 [D, D], outputs by inputs.

    Raises:
        ChainruleError: no masks, or shapes that do not fit each other.

    Example:
        >>> count_paths(build_masks(torch.tensor([1, 2, 3]), [torch.tensor([2, 1, 2])])).tolist()
        [[0, 0, 0], [1, 0, 0], [3, 2, 0]]
    """
    _check_masks(masks, direct_mask)
    paths = torch.eye(masks[0].shape[1], dtype=torch.int64)
    for mask in masks:
        paths = mask.long() @ paths
    return paths if direct_mask is None else paths + direct_mask.long()


def find_units_between(degrees: Tensor, *, output: int, site: int) -> list[int]:
    """Return the hidden units k with d' > m(k) ≥ d, which are on a path from input d to output d'.

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        degrees: m(k), int64 [K].
        output: d', a position in the order, from 1.
        site: d, a position in the order, from 1.

    Returns:
        The indices of the units, from 0.

    Example:
        >>> degrees = torch.tensor([2, 1, 2])
        >>> find_units_between(degrees, output=3, site=2), find_units_between(degrees, output=2, site=2)
        ([0, 2], [])
    """
    return [k for k, m in enumerate(degrees.tolist()) if output > m >= site]


def get_masks(model: MADE) -> tuple[list[Tensor], Tensor | None]:
    """Return the masks of a model's layers, M^W … M^V, and M^A if it has direct connections.

    Example:
        >>> from chainrule.domains import Binary
        >>> masks, direct_mask = get_masks(MADE(Binary((3,)), hidden=(8,), direct_connections=True))
        >>> [tuple(mask.shape) for mask in masks], tuple(direct_mask.shape)
        ([(8, 3), (3, 8)], (3, 3))
    """
    layers = [layer.get_buffer("mask") for layer in (*model.layers, model.output)]
    return layers, None if model.skip is None else model.skip.mask


def replace_comparisons(model: MADE, *, strict_hidden: bool, strict_output: bool) -> MADE:
    """Return a copy of the model whose masks compare degrees by > (strict) or by ≥; MADE has ≥ in M^W and > in M^V.

    With ≥ in M^V an output reads units that depend on its own input. With > in M^W a unit reads one input less than it
    may.

    Args:
        model: any MADE.
        strict_hidden: True for > in M^W of all hidden layers.
        strict_output: True for > in M^V.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = MADE(Binary((3,)), hidden=(8,))
        >>> replace_comparisons(model, strict_hidden=False, strict_output=False).receptive_field().int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 0]]
    """
    other = MADE(**model.arguments)
    other.load_state_dict(model.state_dict())
    rank, domain = model.order.rank + 1, model.domain
    units = hidden_degrees(domain.sites, model.hidden, generator(model.seed))
    degrees = [rank.repeat_interleave(domain.inputs), *units]
    for layer, below, above in zip(other.layers, degrees, units, strict=False):
        layer.register_buffer("mask", degree_mask(above, below, strict=strict_hidden), persistent=False)
    outputs = rank.repeat_interleave(domain.outputs)
    other.output.mask = degree_mask(outputs, degrees[-1], strict=strict_output)
    return other


def count_nonzero_weights(masks: Sequence[Tensor]) -> list[int]:
    """Return the number of nonzero weights of a layer after each pass, if each pass does `weight.data *= mask`.

    The first mask that is 0 at a weight sets it to zero, and no later mask restores it.

    Args:
        masks: the layer's mask in each pass, bool [out, in].

    Example:
        >>> count_nonzero_weights([torch.tensor([[True, True, False]]), torch.tensor([[False, True, True]])])
        [2, 1]
    """
    return [int(remaining.sum()) for remaining in accumulate(masks, torch.logical_and)]


def _check_masks(masks: Sequence[Tensor], direct_mask: Tensor | None) -> None:
    if not masks:
        raise ChainruleError("there are no masks; give the mask of each layer, from the inputs to the outputs")
    for number, (below, above) in enumerate(pairwise(masks), 2):
        if above.shape[1] != below.shape[0]:
            raise ChainruleError(
                f"mask {number} reads {above.shape[1]} units, and the layer below has {below.shape[0]}; give the masks "
                "as [out, in], from the inputs to the outputs"
            )
    ends = (masks[-1].shape[0], masks[0].shape[1])
    if direct_mask is not None and tuple(direct_mask.shape) != ends:
        raise ChainruleError(f"the direct mask must be [{ends[0]}, {ends[1]}], not {list(direct_mask.shape)}")
