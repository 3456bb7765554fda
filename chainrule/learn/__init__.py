"""Learn: the way from one neuron's backward pass to the Diagonal BiLSTM, in small exact programs.

Each topic has a module of its mathematics here, a lesson that computes every number it tells (`lessons/`), and the
drawings of that lesson (`pictures/`). `chainrule explain TOPIC` tells a lesson in a terminal; the documentation's pages
are the same lessons.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from chainrule.errors import ChainruleError
from chainrule.reports import Page

if TYPE_CHECKING:
    from chainrule.reports.multi_stage_progress import Tell


@dataclass(frozen=True)
class Topic:
    """What a lesson is about, in a line."""

    name: str
    title: str
    summary: str


TOPICS = {
    topic.name: topic
    for topic in (
        Topic("autoregression", "Autoregression", "the product rule on a table; a series predicted from its own past"),
        Topic("backprop", "Forward and backward pass", "the chain rule with every factor's number, then any network"),
        Topic("autoencoders", "Autoencoders", "h = g(b + Wx), x̂ = sigm(c + Vh): fewer nodes, fewer connections, noise"),
        Topic("distributions", "Outputs that are no distribution", "what an autoencoder's outputs sum to"),
        Topic("masks", "Masks, step by step", "MADE's degrees m(k), M^{W}, M^{V}, deep layers, any order"),
        Topic("convolution", "Convolution and its masks", "kernel, stride, padding; masks A and B; what they see"),
        Topic("recurrence", "Recurrent networks and LSTM", "why gradients fade; the four gates; both PixelRNN scans"),
        Topic("orders", "Orders, training and sampling", "one pass against D; every order; ensembles; missing values"),
        Topic("outputs", "Softmax or a continuous output", "where a Gaussian of pixels puts its mass"),
        Topic("formulas", "All formulas", "each formula of these lessons, where it is from, and what computes it here"),
    )
}
"""The topics, in the order in which to read them."""


def silent(share: float, more: str = "") -> None:
    """Takes how far a lesson is, and says nothing."""


def lesson(name: str, tell: Tell = silent) -> Page:
    """Computes a lesson: takes seconds.

    Args:
        name: one of `TOPICS`.
        tell: is told which share is done.

    Returns:
        The page; its pictures are in `page.pictures`, by the names of their files.

    Raises:
        ChainruleError: there is no such topic.

    Example:
        >>> page = lesson("formulas")
        >>> page.title
        'All formulas'
    """
    if name not in TOPICS:
        raise ChainruleError(f"there is no topic {name!r}; there are {', '.join(TOPICS)}")
    page = Page(TOPICS[name].title)
    import_module(f"chainrule.learn.lessons.{name}").write(page, tell)
    return page
