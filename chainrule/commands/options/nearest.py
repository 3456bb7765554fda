"""The nearest of several names to one that is not among them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like `word`; None where none is alike.

    Names with a prefix, such as `--model.hidden`, are compared only with names of the same prefix, by what follows it.

    Example:
        >>> nearest("--epoch", ["--epochs", "--ema"]), nearest("--model.hidden", ["--model.blocks"])
        ('--epochs', None)
    """
    prefix, _, _ = word.rpartition(".")
    alike = {name.rpartition(".")[2].strip("-"): name for name in names if name.rpartition(".")[0] == prefix}
    found = get_close_matches(word.rpartition(".")[2].strip("-").replace("_", "-"), alike, n=1)
    return alike[found[0]] if found else None
