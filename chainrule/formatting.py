"""Numbers as text, formatted alike in messages, tables and pages."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """Format a share in per cent with one decimal, or with more where one would round to 0 or 100.

    Example:
        >>> percent(0.5), percent(0.999549), percent(0.9999), percent(1), percent(0)
        ('50.0 %', '99.95 %', '99.99 %', '100 %', '0 %')
    """
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    decimals = 1
    while float(text := f"{100 * share:.{decimals}f}") in (0, 100):
        decimals += 1
    return f"{text} %"


def rough(number: float) -> str:
    """Format a number with two significant digits, or as a whole number from 10 on.

    Example:
        >>> rough(0.00214), rough(2.14), rough(2140.4)
        ('0.0021', '2.1', '2,140')
    """
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def fixed(number: float, decimals: int) -> str:
    """Format a number with a fixed number of decimals and a typographic minus sign.

    Example:
        >>> fixed(1.25, 3), fixed(-1.25, 1)
        ('1.250', '−1.2')
    """
    return f"{number:.{decimals}f}".replace("-", "−")


def magnitude(number: float) -> str:
    """Format a number in plain or scientific notation, in the markup of the report pages.

    Example:
        >>> magnitude(0.0), magnitude(0.0124), magnitude(-3.14e-13), magnitude(2.5e9)
        ('0', '0.012', '−3·10^{−13}', '2·10^{9}')
    """
    if number == 0 or 0.001 <= abs(number) < 1e6:
        return rough(number).replace("-", "−")
    digits, power = f"{number:.0e}".split("e")
    return f"{digits}·10^{{{int(power)}}}".replace("-", "−")


def with_error(mean: float, error: float, decimals: int) -> str:
    """Format a mean and its standard error; the error of a single datum is nan, and is shown as a dash.

    Example:
        >>> with_error(1.234, 0.1, 2), with_error(-1.234, math.nan, 2)
        ('1.23 ± 0.10', '−1.23 ± –')
    """
    return f"{fixed(mean, decimals)} ± {'–' if math.isnan(error) else f'{error:.{decimals}f}'}"


def counted(number: float, noun: str) -> str:
    """Format a number and a noun, in the plural where the number is not 1.

    Example:
        >>> counted(1, "update"), counted(1200, "update"), counted(0.5, "minute")
        ('1 update', '1,200 updates', '0.5 minutes')
    """
    text = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{text} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Format a time in seconds, or in minutes from 100 seconds on.

    Example:
        >>> duration(0.14), duration(99.4), duration(119.9)
        ('0.14 s', '99 s', '2 minutes')
    """
    return f"{rough(seconds)} s" if seconds < 100 else f"{rough(seconds / 60)} minutes"
