"""Formulas: LaTeX becomes drawings when the site is built, so that a browser needs neither scripts nor fonts."""

from __future__ import annotations

import re
import warnings
from functools import cache
from xml.etree import ElementTree

from prose import outside_blocks

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it asks for the place of its font in an old way
    from ziamath.config import config
    from ziamath.zmath import Latex

SIZE = 20.0
"""Points of a letter, of which the drawing's measures are made multiples."""
GROWN = 1.1
"""How much larger than the text: letters of the formulas' font are smaller than most."""
SVG = "http://www.w3.org/2000/svg"
DISPLAY = re.compile(r"^\$\$(.+?)\$\$[ ]*$", re.MULTILINE | re.DOTALL)
TALL = 16.0
"""Times as high as a letter: no formula is; brackets around a sum with a letter below it alone come out so."""
SUM = re.compile(r"(\\(?:sum|prod|bigcup|bigcap))(?=\s*[_^])")


def with_formulas(markdown: str) -> str:
    """The page with each formula `$$ ... $$`, on lines of its own, as a drawing.

    Example:
        >>> page = with_formulas("so that\\n\\n$$\\np(x)\\n$$\\n")
        >>> page.startswith("so that") and 'aria-label="p(x)"' in page and "<path" in page
        True
    """
    return outside_blocks(markdown, lambda text: DISPLAY.sub(lambda formula: drawn(formula[1]), text))


@cache
def drawn(latex: str) -> str:
    """A formula as HTML: a drawing in the colour of the text and as large, which scrolls where there is no room.

    Raises:
        ValueError: LaTeX that cannot be drawn.
    """
    latex = " ".join(latex.split())
    svg = shape(latex)
    if height(svg) > TALL:
        svg = shape(SUM.sub(r"\1\\limits", latex))
    if height(svg) > TALL:
        raise ValueError(f"the formula {latex!r} would be {height(svg):.0f} lines high")
    for side in ("width", "height"):
        svg.set(side, f"{GROWN * float(svg.attrib[side]) / SIZE:.3f}em")
    svg.set("role", "img")
    svg.set("aria-label", latex)
    ElementTree.register_namespace("", SVG)
    return f'<div class="formula">{ElementTree.tostring(svg, encoding="unicode")}</div>'


def shape(latex: str) -> ElementTree.Element:
    """The drawing itself.

    Raises:
        ValueError: LaTeX that cannot be read.
    """
    config.svg2 = False  # shapes in place: the drawings of one page may not share names
    try:
        return ElementTree.fromstring(Latex(latex, size=SIZE, color="currentColor").svg())
    except Exception as error:
        raise ValueError(f"the formula {latex!r} cannot be drawn: {error!r}") from error


def height(svg: ElementTree.Element) -> float:
    """In letters."""
    return float(svg.attrib["height"]) / SIZE
