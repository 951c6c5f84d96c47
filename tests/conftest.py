"""Tiny models with random weights, and an image they fit, for the rooms that run whole jobs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import few_looks
import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from napari_pseudolabel.models.inspection_process import InspectionProcess

# Small networks are slower on many threads, and results are compared between processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Three hundred processes import the package, and compile it if nobody keeps what they compiled, even where the person wants
# that for other programs; so do all workers of pytest with the test files.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What a property test tries if it says nothing itself. No judgement of time: other programs run beside.
settings.register_profile("brief", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("brief")

TILE = 32


# Folders and files whose tests take seconds each, or wait for processes.
_FIRST = (
    *("engine", "training", "cli", "strategies", "viewer", "widgets", "models"),
    *("test_light_imports.py", "workspace", "tiling", "test_architecture.py", "test_wheel.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: at the end of a run in several processes small ones fill what is left."""
    here = Path(__file__).parent
    places = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(here).parts[0], len(_FIRST)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[object]:
    """What is imported stays until the end: there is no garbage to look for meanwhile."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


# Modules there were when everything was frozen, and whether something has thawed it.
_frozen = {"modules": 0, "thawed": False}
_MANY = 100
_unfreeze = gc.unfreeze


def _freeze() -> None:
    gc.freeze()
    _frozen.update(modules=len(sys.modules), thawed=False)


def _thaw() -> None:
    _unfreeze()
    _frozen["thawed"] = True


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector all that the test files have imported."""
    gc.collect()
    _freeze()
    # To ask it whether something is frozen takes longer than most tests: it counts.
    gc.unfreeze = _thaw


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Spare it again after a test of what thaws everything (`widgets.common.garbage`), and what a test has imported."""
    done = yield
    if len(sys.modules) > _frozen["modules"] + _MANY:
        gc.collect()
        _freeze()
    elif _frozen["thawed"]:
        _freeze()
    return done


@pytest.fixture(scope="session")
def one_thread() -> None:
    """Compute in one thread, as the child processes of the tests do."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def brief_calibration() -> Iterator[None]:
    """Trainings of this file measure with few looks how sure they may be."""
    with few_looks.few_looks():
        yield


@pytest.fixture(scope="session")
def process_apart() -> Iterator[InspectionProcess]:
    """A process in which files are looked at; ended by what one of them does, it is started again."""
    from napari_pseudolabel.models.inspection_process import InspectionProcess

    with InspectionProcess() as apart:
        yield apart


@pytest.fixture
def one_process(process_apart: InspectionProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at all files in one process: starting one for each takes longer than all else in a test."""
    from napari_pseudolabel.models.segmenters.onnx import onnx_session
    from napari_pseudolabel.models.segmenters.torchscript import examining

    for module in (onnx_session, examining):
        monkeypatch.setattr(module, "call_in_process", process_apart.call)
    # The package hands out a function of the same name.
    module = sys.modules["napari_pseudolabel.models.inspect"]
    monkeypatch.setattr(module, "InspectionProcess", lambda check: nullcontext(process_apart))


@pytest.fixture(scope="session")
def tiny_translator(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A SynDiff generator of two steps and random weights: SEM at 0.2 um to TEM at 0.1 um."""
    import torch
    from syndiff_case import GENERATOR

    from napari_pseudolabel.models.cards import Card, Modality
    from napari_pseudolabel.models.translators import syndiff
    from napari_pseudolabel.models.translators.ncsnpp import NCSNpp

    torch.manual_seed(0)
    card = Card(
        kind="translator",
        family="syndiff",
        name="tiny SEM to TEM",
        source=Modality(name="SEM", pixel_size_um=0.2, object_size_px=10),
        target=Modality(name="TEM", pixel_size_um=0.1, object_size_px=20),
    )
    network = NCSNpp(GENERATOR)
    # The last layer begins near zero, where neither image nor noise would show.
    torch.nn.init.normal_(network.all_modules[-1].weight, std=0.3)
    return syndiff.save(network, card, tmp_path_factory.mktemp("models") / "tiny.safetensors")


@pytest.fixture(scope="session")
def tiny_segmenter(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A U-Net with random weights for TEM at 0.1 um: background, myelin, axon."""
    import torch

    from napari_pseudolabel.models.cards import Card, LabelClass, Modality
    from napari_pseudolabel.models.segmenters import monai_unet

    torch.manual_seed(0)
    card = Card(
        kind="segmenter",
        family="monai-unet",
        name="tiny TEM",
        architecture={"filters": (4, 8, 8), "tile": TILE},
        source=Modality(name="TEM", pixel_size_um=0.1, object_size_px=20),
        classes=tuple(
            LabelClass(name=n, value=v) for n, v in (("background", 0), ("myelin", 1), ("axon", 7))
        ),
    )
    path = tmp_path_factory.mktemp("models") / "tiny-segmenter.safetensors"
    monai_unet.save(monai_unet.build(card), card, path)
    return path


def discs(shape: tuple[int, int], seed: int, inverted: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """An 8-bit image of noisy discs and its labels (0 and 1)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.uint8)
    for _ in range(6):
        cy, cx, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(4, 9)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < r**2] = 1
    bright = labels == (0 if inverted else 1)
    image = np.where(bright, 180, 60) + rng.normal(0, 12, shape)
    return np.clip(image, 0, 255).astype(np.uint8), labels


@pytest.fixture
def disc_image():
    """Makes (image, labels); see `discs`."""
    return discs
