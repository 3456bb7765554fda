"""Lessons from one neuron's backward pass to the Diagonal BiLSTM, with small exact programs.

The programs are the modules of this package. `lessons/` has the text of each lesson, with all numbers computed, and
`figures/` has the figures. `chainrule explain TOPIC` shows a lesson in a terminal, and the documentation has the same
pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from chainrule.errors import ChainruleError
from chainrule.reports import Page

if TYPE_CHECKING:
    from chainrule.reports import StageProgress


@dataclass(frozen=True)
class Topic:
    """Describe a lesson.

    Attributes:
        name: on the command line, and of the module in `lessons/`.
        title: of the page.
        summary: one line.
        keywords: other words that find the topic on the command line.
    """

    name: str
    title: str
    summary: str
    keywords: tuple[str, ...] = ()


TOPICS = {
    topic.name: topic
    for topic in (
        Topic(
            "autoregression",
            "Autoregression",
            "the product rule on a table; a time series predicted from its past",
            ("product rule", "time series", "sunspots", "AR"),
        ),
        Topic(
            "backprop",
            "Forward and backward pass",
            "the chain rule on two neurons, number by number, then on any network",
            ("backpropagation", "chain rule", "backward", "gradients", "derivatives"),
        ),
        Topic(
            "autoencoders",
            "Autoencoders",
            "h = g(b + Wx), x̂ = sigm(c + Vh): fewer nodes, fewer connections, noise",
            ("encoder", "decoder", "reconstruction", "denoising"),
        ),
        Topic(
            "distributions",
            "Why an autoencoder is not a distribution",
            "the sum of an autoencoder's “probabilities” over all inputs, and how to make it 1",
            ("likelihood", "probabilities", "cross-entropy", "normalization"),
        ),
        Topic(
            "masks",
            "Masks, step by step",
            "MADE's degrees m(k), M^{W}, M^{V}, deep layers, any order",
            ("MADE", "degrees", "masked autoencoder"),
        ),
        Topic(
            "convolution",
            "Convolution and its masks",
            "kernel, stride, padding; masks A and B; receptive fields",
            ("PixelCNN", "CNN", "kernel", "stride", "padding", "receptive field", "blind spot", "residual"),
        ),
        Topic(
            "recurrence",
            "Recurrent networks and LSTM",
            "why gradients vanish; the four gates; both PixelRNN scans",
            ("LSTM", "RNN", "PixelRNN", "Row LSTM", "Diagonal BiLSTM", "BiLSTM", "gates", "gradients"),
        ),
        Topic(
            "orders",
            "Orders, training and sampling",
            "training in one pass, sampling in D; all orders; ensembles; missing values",
            ("sampling", "training", "ensembles", "missing values", "imputation", "completion", "order-agnostic"),
        ),
        Topic(
            "outputs",
            "Softmax or a continuous output",
            "the mass of a Gaussian outside the levels of a pixel; bits per value",
            ("softmax", "Gaussian", "density", "levels", "mixture"),
        ),
        Topic(
            "formulas",
            "All formulas",
            "the formulas of all lessons, with their sources and the code that computes them",
            ("equations",),
        ),
    )
}
"""The topics by name, in the order of reading."""

__all__ = ["TOPICS", "Topic", "compute_lesson"]


def ignore_progress(fraction: float, suffix: str = "", /) -> None:
    """Do nothing with the progress of a lesson."""


def compute_lesson(name: str, *, progress: StageProgress = ignore_progress) -> Page:
    """Compute a lesson; it takes seconds.

    Args:
        name: a key of `TOPICS`.
        progress: a function that takes the fraction of the lesson that is done.

    Returns:
        The page; `page.pictures` has its figures by file name.

    Raises:
        ChainruleError: there is no topic with this name.

    Example:
        >>> page = compute_lesson("formulas")
        >>> page.title
        'All formulas'
    """
    if name not in TOPICS:
        raise ChainruleError(f"there is no topic {name!r}; there are {', '.join(TOPICS)}")
    page = Page(TOPICS[name].title)
    import_module(f"chainrule.learn.lessons.{name}_lesson").write(page, progress)
    return page
