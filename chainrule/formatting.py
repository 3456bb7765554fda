"""Numbers in words, alike wherever they are told."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """A share in per cent, never rounded to all or to nothing: with one decimal, or as many as it takes.

    Example:
        >>> percent(0.5), percent(0.999549), percent(0.9999), percent(1), percent(0)
        ('50.0 %', '99.95 %', '99.99 %', '100 %', '0 %')
    """
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    decimals = 1
    while float(told := f"{100 * share:.{decimals}f}") in (0, 100):
        decimals += 1
    return f"{told} %"


def rough(number: float) -> str:
    """A number of which the first two digits matter, such as a time.

    Example:
        >>> rough(0.00214), rough(2.14), rough(2140.4)
        ('0.0021', '2.1', '2,140')
    """
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def fixed(number: float, decimals: int) -> str:
    """A number with so many decimals, and a true minus sign.

    Example:
        >>> fixed(1.25, 3), fixed(-1.25, 1)
        ('1.250', '−1.2')
    """
    return f"{number:.{decimals}f}".replace("-", "−")


def magnitude(number: float) -> str:
    """A number of which the power of ten matters, with the marks of a page.

    Example:
        >>> magnitude(0.0), magnitude(0.0124), magnitude(-3.14e-13), magnitude(2.5e9)
        ('0', '0.012', '−3·10^{−13}', '2·10^{9}')
    """
    if number == 0 or 0.001 <= abs(number) < 1e6:
        return rough(number).replace("-", "−")
    digits, power = f"{number:.0e}".split("e")
    return f"{digits}·10^{{{int(power)}}}".replace("-", "−")


def with_error(mean: float, error: float, decimals: int) -> str:
    """A mean and its standard error; of a single datum there is none, and it is nan.

    Example:
        >>> with_error(1.234, 0.1, 2), with_error(-1.234, math.nan, 2)
        ('1.23 ± 0.10', '−1.23 ± –')
    """
    return f"{fixed(mean, decimals)} ± {'–' if math.isnan(error) else f'{error:.{decimals}f}'}"


def counted(number: float, noun: str) -> str:
    """So many of something.

    Example:
        >>> counted(1, "update"), counted(1200, "update"), counted(0.5, "minute")
        ('1 update', '1,200 updates', '0.5 minutes')
    """
    told = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{told} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time, in seconds or in minutes.

    Example:
        >>> duration(0.14), duration(99.4), duration(119.9)
        ('0.14 s', '99 s', '2 minutes')
    """
    return f"{rough(seconds)} s" if seconds < 100 else f"{rough(seconds / 60)} minutes"
