"""Photographs of napari for the documentation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.demo import has_screen, virtual_screen, wait_for
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.metrics import evaluate

if TYPE_CHECKING:
    from napari.viewer import Viewer

IMAGES = Path(__file__).parent / "images"
CLASSES = {one.name: one.value for one in AXON_CLASSES if one.value}


def photograph(viewer: Viewer, folder: Path, name: str, pause_s: float = 1.0) -> None:
    """Write the whole window as it is after a pause into a PNG file."""
    wait_for(lambda: False, patience_s=pause_s)
    viewer.screenshot(str(folder / f"{name}.png"), canvas_only=False, flash=False)


def on_a_screen(make: Callable[[], None], for_children: bool = False) -> NoReturn:
    """Call `make`, on a virtual screen if there is no other, and end the program."""
    if has_screen():
        make()
    else:
        with virtual_screen(for_children=for_children):
            make()
    sys.exit(0)


def say(what: str, labels: NDArray[Any], truth: NDArray[np.uint8] | None) -> None:
    """Print the Dice of labels of axons where the truth is known."""
    if truth is not None:
        dice = evaluate(labels, truth, CLASSES).dice
        print(f"{what}: " + ", ".join(f"Dice {name} {value:.3f}" for name, value in dice.items()), flush=True)
