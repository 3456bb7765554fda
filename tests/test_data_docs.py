"""The examples of docs/data.md give what the page says."""

import doctest
from pathlib import Path


def test_the_page_on_data_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[1] / "docs" / "data.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 12
    assert result.failed == 0
