"""Lines of text with marks: `code` in backquotes, and x_{i} and M^{W} with the letter below or above.

Each in three forms: for browsers, as Markdown, and for a terminal.
"""

from __future__ import annotations

import re
from html import escape

from rich.text import Text

CODE = "cyan"
BELOW = str.maketrans("0123456789+−=()ijk", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵢⱼₖ")
ABOVE = str.maketrans("0123456789+−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")


def as_html(text: str) -> str:
    """Escaped text with its marks: code, and letters below and above."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", html))


def as_markdown(text: str) -> str:
    """Text as Markdown: what would be a mark there is escaped, other than in code."""
    parts = re.split(r"(`[^`]+`)", text)
    plain = [re.sub(r"([\\*\[\]<>|#]|_(?!\{)|\^(?!\{))", r"\\\1", part) for part in parts[::2]]
    plain = [re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", part) for part in plain]
    parts[::2] = [re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", part) for part in plain]
    return "".join(parts)


def as_text(text: str) -> Text:
    """Text for a terminal; letters below and above are those of Unicode where it has them all.

    Example:
        >>> str(as_text("`p` of x_{1} and x_{<i}, w_{jk}^{(L)} = 2^{10}"))
        'p of x₁ and x_<i, wⱼₖ^(L) = 2¹⁰'
        >>> str(as_text("M_{d,k}, x_{d−1}, a^{(L−1)}"))
        'M_(d,k), x_(d−1), a^(L−1)'
    """
    shown = Text()
    for place, part in enumerate(re.split(r"`([^`]+)`", text)):
        shown.append(part if place % 2 else _raised(part), style=CODE if place % 2 else None)
    return shown


def _raised(text: str) -> str:
    below = re.sub(r"_\{([^{}]*)\}", lambda mark: _written(mark[1], BELOW, "_"), text)
    return re.sub(r"\^\{([^{}]*)\}", lambda mark: _written(mark[1], ABOVE, "^"), below)


def _written(letters: str, small: dict[int, int], sign: str) -> str:
    if all(ord(letter) in small for letter in letters):
        return letters.translate(small)
    return f"{sign}({letters})" if re.match(r"[^(].*[-+−·,]", letters) else sign + letters
