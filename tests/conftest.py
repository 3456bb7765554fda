"""Fixtures for all tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors are slower on many threads, and test runners use the cores already."""
    torch.set_num_threads(1)
