"""Formulas: LaTeX becomes SVG when the site is built, so that a browser needs neither scripts nor fonts."""

from __future__ import annotations

import re
import warnings
from functools import cache
from xml.etree import ElementTree

from markdown_code import change_outside_blocks

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ziamath locates its font by a deprecated function
    from ziamath.config import config
    from ziamath.zmath import Latex

FONT_SIZE = 20.0
"""The size in points at which formulas are rendered; widths and heights are divided by it."""
SCALE = 1.1
"""The size of a formula relative to the text: the letters of the formulas' font are smaller than most."""
SVG = "http://www.w3.org/2000/svg"
DISPLAY_FORMULA = re.compile(r"^\$\$(.+?)\$\$[ ]*$", re.MULTILINE | re.DOTALL)
MAX_HEIGHT = 16.0
"""The greatest height of a formula, in letters: brackets around a sum without limits are rendered higher than this."""
SUM = re.compile(r"(\\(?:sum|prod|bigcup|bigcap))(?=\s*[_^])")


def render_formulas(markdown: str) -> str:
    """Return the page with each formula `$$ ... $$`, on lines of its own, as SVG.

    Example:
        >>> page = render_formulas("so that\\n\\n$$\\np(x)\\n$$\\n")
        >>> page.startswith("so that") and 'aria-label="p(x)"' in page and "<path" in page
        True
    """
    return change_outside_blocks(markdown, lambda text: DISPLAY_FORMULA.sub(lambda match: render(match[1]), text))


@cache
def render(latex: str) -> str:
    """Return a formula as HTML: SVG in the colour and size of the text, which scrolls where it is too wide.

    Raises:
        ValueError: LaTeX that cannot be rendered.
    """
    latex = " ".join(latex.split())
    svg = render_svg(latex)
    if height(svg) > MAX_HEIGHT:
        svg = render_svg(SUM.sub(r"\1\\limits", latex))
    if height(svg) > MAX_HEIGHT:
        raise ValueError(f"the formula {latex!r} would be {height(svg):.0f} lines high")
    for side in ("width", "height"):
        svg.set(side, f"{SCALE * float(svg.attrib[side]) / FONT_SIZE:.3f}em")
    svg.set("role", "img")
    svg.set("aria-label", latex)
    ElementTree.register_namespace("", SVG)
    return f'<div class="formula">{ElementTree.tostring(svg, encoding="unicode")}</div>'


def render_svg(latex: str) -> ElementTree.Element:
    """Return a formula as an SVG element.

    Raises:
        ValueError: LaTeX that cannot be rendered.
    """
    config.svg2 = False  # SVG 2 shares shapes by id, and ids of several formulas on a page would collide
    try:
        return ElementTree.fromstring(Latex(latex, size=FONT_SIZE, color="currentColor").svg())
    except Exception as error:
        raise ValueError(f"the formula {latex!r} cannot be rendered: {error!r}") from error


def height(svg: ElementTree.Element) -> float:
    """Return the height of a rendered formula, in letters."""
    return float(svg.attrib["height"]) / FONT_SIZE
