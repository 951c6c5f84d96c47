"""The device of these tests: CUDA, or what PSEUDOLABEL_TEST_DEVICE names, so that they can be tried without a GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture
def device(one_thread: None) -> Iterator[str]:
    """A device that is here, computing in whole float32; tests of CUDA are skipped without one."""
    import torch

    name = os.environ.get("PSEUDOLABEL_TEST_DEVICE", "cuda")
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield name
    torch.backends.cudnn.allow_tf32 = before
