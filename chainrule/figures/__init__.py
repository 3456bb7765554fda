"""Pictures of data, models and results: pixel-exact grids, and figures for reports and talks."""

from chainrule.figures.cells import row_steps_figure, skewing_figure
from chainrule.figures.curves import learning_curves, likelihoods_figure
from chainrule.figures.data import completions_figure, distributions_figure, samples_figure
from chainrule.figures.fields import context_figure, fields_figure, growth_figure, pixels_seen, sites_figure
from chainrule.figures.kernels import cell_figure, kernels_figure
from chainrule.figures.leaks import leak_figure
from chainrule.figures.maps import expected_figure, expected_values_figure
from chainrule.figures.masks import made_masks_figure, made_matrices_figure, pixelcnn_masks_figure
from chainrule.figures.neighbours import nearest
from chainrule.figures.pixels import completion_grid, grid, is_picture, save_image
from chainrule.figures.style import save_figure, to_png

__all__ = [
    "cell_figure",
    "completion_grid",
    "completions_figure",
    "context_figure",
    "distributions_figure",
    "expected_figure",
    "expected_values_figure",
    "fields_figure",
    "grid",
    "growth_figure",
    "is_picture",
    "kernels_figure",
    "leak_figure",
    "learning_curves",
    "likelihoods_figure",
    "made_masks_figure",
    "made_matrices_figure",
    "nearest",
    "pixelcnn_masks_figure",
    "pixels_seen",
    "row_steps_figure",
    "samples_figure",
    "save_figure",
    "save_image",
    "sites_figure",
    "skewing_figure",
    "to_png",
]
