"""Conversion of text with markup to HTML, to Markdown and for a terminal.

The markup is `code` in backquotes, x_{i} for a subscript and M^{W} for a superscript.
"""

from __future__ import annotations

import re
from html import escape

from rich.text import Text

CODE_STYLE = "cyan"
SUBSCRIPTS = str.maketrans("0123456789+−=()ijk", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵢⱼₖ")
SUPERSCRIPTS = str.maketrans("0123456789+−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")


def as_html(text: str) -> str:
    """Return the text as escaped HTML, with its markup as elements.

    Example:
        >>> as_html("`a < b` and x_{i}")
        '<code>a &lt; b</code> and x<sub>i</sub>'
    """
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", html))


def as_markdown(text: str) -> str:
    r"""Return the text as Markdown; characters with a meaning in Markdown are escaped, except in code.

    Example:
        >>> as_markdown("`a * b` * x_{i}")
        '`a * b` \\* x<sub>i</sub>'
    """
    parts = re.split(r"(`[^`]+`)", text)
    plain = [re.sub(r"([\\*\[\]<>|#]|_(?!\{)|\^(?!\{))", r"\\\1", part) for part in parts[::2]]
    plain = [re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", part) for part in plain]
    parts[::2] = [re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", part) for part in plain]
    return "".join(parts)


def as_text(text: str) -> Text:
    """Return the text for a terminal, with subscripts and superscripts in Unicode where it has all their characters.

    Example:
        >>> str(as_text("`p` of x_{1} and x_{<i}, w_{jk}^{(L)} = 2^{10}"))
        'p of x₁ and x_<i, wⱼₖ^(L) = 2¹⁰'
        >>> str(as_text("M_{d,k}, x_{d−1}, a^{(L−1)}"))
        'M_(d,k), x_(d−1), a^(L−1)'
    """
    shown = Text()
    for index, part in enumerate(re.split(r"`([^`]+)`", text)):
        is_code = index % 2 == 1
        shown.append(part if is_code else _with_unicode_scripts(part), style=CODE_STYLE if is_code else None)
    return shown


def _with_unicode_scripts(text: str) -> str:
    lowered = re.sub(r"_\{([^{}]*)\}", lambda match: _script(match[1], SUBSCRIPTS, "_"), text)
    return re.sub(r"\^\{([^{}]*)\}", lambda match: _script(match[1], SUPERSCRIPTS, "^"), lowered)


def _script(characters: str, table: dict[int, int], sign: str) -> str:
    """Return a subscript or superscript in Unicode, else after its sign, in brackets where the end would be unclear."""
    if all(ord(character) in table for character in characters):
        return characters.translate(table)
    return f"{sign}({characters})" if re.match(r"[^(].*[-+−·,]", characters) else sign + characters
