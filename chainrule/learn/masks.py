"""MADE's masks: what they leave open, counted in paths; and how to spoil them.

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


def masks_of(inputs: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
    """M^W of each hidden layer, m(k') ≥ m(k), and M^V of the outputs, d > m(k).

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        inputs: the degree of each input, int64 [D]: its place in the order, from 1. An output has that of its input.
        hidden: m(k) of each hidden layer, int64 [width].

    Returns:
        bool [out, in] of each layer, from the inputs to the outputs.

    Example:
        >>> w, v = masks_of(torch.tensor([1, 2, 3]), [torch.tensor([2, 1])])
        >>> w.int().tolist(), v.int().tolist()
        ([[1, 1, 0], [1, 0, 0]], [[0, 0], [0, 1], [1, 1]])
    """
    degrees, masks = [inputs, *hidden], []
    for below, above in pairwise(degrees):
        masks.append(degree_mask(above, below, strict=False))
    masks.append(degree_mask(inputs, degrees[-1], strict=True))
    return masks


def paths(masks: Sequence[Tensor], direct: Tensor | None = None) -> Tensor:
    """How many paths lead to each output from each input: the product of the masks, M^V … M^W.

    It is 0 at [d', d] where d' does not come after d in the order: each path would need a unit with d' > m(k) ≥ d.
    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        masks: of each layer from the inputs to the outputs, bool or 0 and 1, [out, in].
        direct: M^A of weights straight from inputs to outputs, [D, D], if there are any.

    Returns:
        int64 [D, D], outputs by inputs.

    Raises:
        ChainruleError: no masks, or shapes that do not follow on each other.

    Example:
        >>> paths(masks_of(torch.tensor([1, 2, 3]), [torch.tensor([2, 1, 2])])).tolist()
        [[0, 0, 0], [1, 0, 0], [3, 2, 0]]
    """
    _check(masks, direct)
    through = torch.eye(masks[0].shape[1], dtype=torch.int64)
    for mask in masks:
        through = mask.long() @ through
    return through if direct is None else through + direct.long()


def between(degrees: Tensor, output: int, site: int) -> list[int]:
    """The hidden units k with d' > m(k) ≥ d: those on a path from input d to output d'.

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        degrees: m(k), int64 [K].
        output, site: d' and d, places in the order from 1.

    Returns:
        the units, counted from 0.

    Example:
        >>> between(torch.tensor([2, 1, 2]), output=3, site=2), between(torch.tensor([2, 1, 2]), output=2, site=2)
        ([0, 2], [])
    """
    return [k for k, m in enumerate(degrees.tolist()) if output > m >= site]


def masks_in(model: MADE) -> tuple[list[Tensor], Tensor | None]:
    """The masks that the layers of a model use: M^W … M^V, and M^A where it has direct weights.

    Example:
        >>> from chainrule.domains import Binary
        >>> masks, direct = masks_in(MADE(Binary((3,)), hidden=(8,), direct_connections=True))
        >>> [tuple(mask.shape) for mask in masks], tuple(direct.shape)
        ([(8, 3), (3, 8)], (3, 3))
    """
    layers = [layer.get_buffer("mask") for layer in (*model.layers, model.output)]
    return layers, None if model.skip is None else model.skip.mask


def with_comparisons(model: MADE, hidden: bool, output: bool) -> MADE:
    """A copy of the model that compares degrees otherwise: strictly, >, or not, ≥. MADE's are ≥ and >.

    With ≥ in M^V an output reads units that see its own input. With > in M^W a unit sees one input less than it may.

    Args:
        hidden: is the comparison of M^W, in all hidden layers, strict?
        output: is that of M^V?

    Example:
        >>> from chainrule.domains import Binary
        >>> model = MADE(Binary((3,)), hidden=(8,))
        >>> with_comparisons(model, hidden=False, output=False).receptive_field().int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 0]]
    """
    other = MADE(**model.arguments)
    other.load_state_dict(model.state_dict())
    rank, domain = model.order.rank + 1, model.domain
    units = hidden_degrees(domain.sites, model.hidden, generator(model.seed))
    degrees = [rank.repeat_interleave(domain.inputs), *units]
    for layer, below, above in zip(other.layers, degrees, units, strict=False):
        layer.register_buffer("mask", degree_mask(above, below, strict=hidden), persistent=False)
    other.output.mask = degree_mask(rank.repeat_interleave(domain.outputs), degrees[-1], strict=output)
    return other


def weights_left(masks: Sequence[Tensor]) -> list[int]:
    """How many weights of a layer are not yet 0 after each pass, where each pass does `weight.data *= mask`.

    A weight is lost with the first mask that closes it, and no later mask brings it back.

    Args:
        masks: of one layer in each pass, bool [out, in].

    Example:
        >>> weights_left([torch.tensor([[True, True, False]]), torch.tensor([[False, True, True]])])
        [2, 1]
    """
    return [int(still.sum()) for still in accumulate(masks, torch.logical_and)]


def _check(masks: Sequence[Tensor], direct: Tensor | None) -> None:
    if not masks:
        raise ChainruleError("there are no masks; give those of each layer, from the inputs to the outputs")
    for number, (below, above) in enumerate(pairwise(masks), 2):
        if above.shape[1] != below.shape[0]:
            raise ChainruleError(
                f"mask {number} reads {above.shape[1]} units, and the layer below has {below.shape[0]}; give the masks "
                "as [out, in], from the inputs to the outputs"
            )
    ends = (masks[-1].shape[0], masks[0].shape[1])
    if direct is not None and tuple(direct.shape) != ends:
        raise ChainruleError(f"the direct mask is {list(direct.shape)}, and leads from {ends[1]} inputs to {ends[0]}")
