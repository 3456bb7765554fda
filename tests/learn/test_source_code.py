"""Sources as lessons show them."""

from __future__ import annotations

from chainrule.learn.source_code import read_source


class Documented:
    """This goes,

    to its last line.
    """

    field = '"""this stays"""'

    def method(self):
        """And this."""
        return "this stays too"  # with its comment


def test_only_docstrings_are_removed():
    assert read_source(Documented) == (
        "class Documented:\n"
        '    field = \'"""this stays"""\'\n'
        "\n"
        "    def method(self):\n"
        '        return "this stays too"  # with its comment'
    )


def test_a_method_is_dedented():
    assert read_source(Documented.method).startswith("def method(self):\n    return")
