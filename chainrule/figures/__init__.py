"""Pictures of data, models and results: pixel-exact grids, and figures for reports and talks."""

from chainrule.figures.curves import learning_curves, likelihoods_figure
from chainrule.figures.data import completions_figure, distributions_figure, samples_figure
from chainrule.figures.masks import context_figure, made_masks_figure, pixelcnn_masks_figure, pixels_seen
from chainrule.figures.neighbours import nearest
from chainrule.figures.pixels import completion_grid, grid, save_image
from chainrule.figures.style import save_figure, to_png

__all__ = [
    "completion_grid",
    "completions_figure",
    "context_figure",
    "distributions_figure",
    "grid",
    "learning_curves",
    "likelihoods_figure",
    "made_masks_figure",
    "nearest",
    "pixelcnn_masks_figure",
    "pixels_seen",
    "samples_figure",
    "save_figure",
    "save_image",
    "to_png",
]
