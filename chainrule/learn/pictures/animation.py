"""Animations: frames that were drawn one by one, as one GIF."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

MOVING_DPI = 100
"""Of figures that become frames: a GIF of many is read on a screen, and should stay small."""


def to_gif(frames: Sequence[Figure | Image.Image], milliseconds: int, last: int = 1500) -> bytes:
    """The frames as the contents of a GIF file that begins anew for ever.

    Args:
        frames: all of one size; they share 256 colours, so that nothing flickers.
        milliseconds: that each is shown.
        last: the same for the last one.

    Raises:
        ValueError: frames of several sizes, or none.

    Example:
        >>> gif = to_gif([Image.new("RGB", (4, 3), colour) for colour in ("white", "navy")], 100)
        >>> Image.open(BytesIO(gif)).n_frames
        2
    """
    pictures = [as_frame(frame) if isinstance(frame, Figure) else frame.convert("RGB") for frame in frames]
    if len({picture.size for picture in pictures}) != 1:
        raise ValueError("an animation needs frames, and all of one size")
    some = _beside([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    palette = some.quantize(256, Image.Quantize.FASTOCTREE)  # keeps white as good as white
    first, *rest = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    file = BytesIO()
    shown = [milliseconds] * len(rest) + [last]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=shown, loop=0, optimize=True)
    return file.getvalue()


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size, side by side."""
    width, height = pictures[0].size
    row = Image.new("RGB", (width * len(pictures), height))
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * width, 0))
    return row


def as_frame(figure: Figure) -> Image.Image:
    """A figure as it is now, as a frame; no file is made of it on the way, so that many are drawn quickly."""
    figure.set_dpi(MOVING_DPI)
    canvas = FigureCanvasAgg(figure)
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()  # finds the places of its parts, as `savefig` does
    canvas.draw()  # type: ignore[no-untyped-call]
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
