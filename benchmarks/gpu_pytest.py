"""A plugin of pytest: notes for every test how much GPU memory it took in its own process."""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

PROPERTY = "cuda_bytes"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Compare the most memory during the test with what was taken before."""
    before = _taken(reset=True)
    result = yield
    # Tests that do not touch the GPU must not be the ones to open it.
    taken = _taken(reset=False) - before
    if taken > 0:
        item.user_properties.append((PROPERTY, taken))
    return result


def _taken(*, reset: bool) -> int:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    if reset:
        torch.cuda.reset_peak_memory_stats()
    return int(torch.cuda.max_memory_allocated())
