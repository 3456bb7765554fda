"""Animations: render figures as frames, and write frames as a GIF."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

FRAME_DPI = 100
"""The resolution of figures that become frames; a GIF of many frames should stay small."""


def to_gif(frames: Sequence[Figure | Image.Image], *, milliseconds: int, last: int = 1500) -> bytes:
    """Return the contents of a GIF file that repeats the frames forever.

    Args:
        frames: figures or images of one size; they share 256 colours, so that nothing flickers.
        milliseconds: the time for which each frame is shown.
        last: the time for which the last frame is shown, in milliseconds.

    Raises:
        ValueError: no frames, or frames of different sizes.

    Example:
        >>> gif = to_gif([Image.new("RGB", (4, 3), colour) for colour in ("white", "navy")], milliseconds=100)
        >>> Image.open(BytesIO(gif)).n_frames
        2
    """
    images = [render_frame(frame) if isinstance(frame, Figure) else frame.convert("RGB") for frame in frames]
    if len({image.size for image in images}) != 1:
        raise ValueError("an animation needs at least one frame, and frames that are all of one size")
    samples = _concatenate([images[0], images[len(images) // 2], images[-1]])
    palette = samples.quantize(256, Image.Quantize.FASTOCTREE)  # changes white hardly at all
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    file = BytesIO()
    durations = [milliseconds] * len(rest) + [last]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)
    return file.getvalue()


def _concatenate(images: Sequence[Image.Image]) -> Image.Image:
    """Return images of one size side by side."""
    width, height = images[0].size
    row = Image.new("RGB", (width * len(images), height))
    for index, image in enumerate(images):
        row.paste(image, (index * width, 0))
    return row


def render_frame(figure: Figure) -> Image.Image:
    """Return the current state of a figure as an image, without writing a file, so that many frames are fast."""
    figure.set_dpi(FRAME_DPI)
    canvas = FigureCanvasAgg(figure)
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()  # lays out the parts, as `savefig` does
    canvas.draw()  # type: ignore[no-untyped-call]
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
