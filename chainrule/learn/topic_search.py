"""The search for a topic by a word that a user typed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from chainrule.errors import ChainruleError

SAME_WORD, NEAR = 0.75, 0.4
"""Similarities of `difflib` from which a word counts as another spelling, and as near."""


def find_topic(word: str, topics: Mapping[str, Collection[str]]) -> str:
    """Return the topic with a name or keyword that equals a word, begins with it, or has a similar spelling.

    Upper and lower case, hyphens, and singular and plural make no difference.

    Args:
        word: the word of a user.
        topics: the keywords of each topic by its name.

    Raises:
        ChainruleError: the word fits several topics or none; the message names the nearest topics.

    Example:
        >>> topics = {"masks": ("MADE",), "convolution": ("PixelCNN",)}
        >>> [find_topic(word, topics) for word in ("mask", "conv", "pixelcnn", "convlution")]
        ['masks', 'convolution', 'convolution', 'convolution']
    """
    if word in topics:
        return word
    wanted = _normalize(word)
    texts = {name: {_normalize(text) for text in (name, *keywords)} for name, keywords in topics.items()}
    found = (
        [name for name in topics if wanted in texts[name]]
        or [name for name in topics if wanted and name.startswith(wanted)]
        or [name for name in topics if wanted and any(text.startswith(wanted) for text in texts[name])]
        or _find_close(wanted, texts, SAME_WORD)
    )
    if len(found) == 1:
        return found[0]
    if found:
        raise ChainruleError(f"{word!r} fits several topics: {', '.join(found)}; name one of them")
    near = _find_close(wanted, {name: (name,) for name in topics}, NEAR)
    rest = f"the nearest are {', '.join(near)}" if near else f"there are {', '.join(topics)}"
    raise ChainruleError(f"there is no topic {word!r}; {rest}")


def _normalize(text: str) -> str:
    """Return a text in lower case, without hyphens and spaces and without the s of a plural."""
    return text.casefold().replace("-", "").replace(" ", "").rstrip("s")


def _find_close(wanted: str, texts: Mapping[str, Collection[str]], cutoff: float) -> list[str]:
    """Return the topics with a text of similar spelling, the most similar first."""
    every = sorted(set().union(*texts.values()))
    close = get_close_matches(wanted, every, cutoff=cutoff)
    return list(dict.fromkeys(name for text in close for name in texts if text in texts[name]))
