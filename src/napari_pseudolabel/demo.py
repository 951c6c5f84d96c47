"""``make demo``: napari with a generated image and the Pseudo-label dock, which is about to find the best way to label it.

Without a screen the whole job is done on a virtual one, and pictures, labels and numbers are left in
a folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.sample_data.samples import PURPLE_LIKE, SEM_LIKE, GeneratedSample

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_pseudolabel.labels.metrics import Evaluation
    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

_WINDOW = (1400, 860)
_PATIENCE_S = 1800
_SAMPLES = {"axons": SEM_LIKE, "nuclei": PURPLE_LIKE}


def main(run: bool = False, output: Path = Path("demo_output"), sample: GeneratedSample = SEM_LIKE) -> int:
    """Show the demo.

    Parameters
    ----------
    run
        Press Run; without a screen it is always pressed.
    output
        Folder for what is left behind when there is no screen.
    sample
        What is opened.

    Returns
    -------
    int
        Exit code: 0 if all went well.
    """
    if has_screen():
        return _on_screen(run, sample)
    if shutil.which("Xvfb") is None:
        print(
            "There is no screen, and no Xvfb to make up for it; install it (apt install xvfb).",
            file=sys.stderr,
        )
        return 2
    with virtual_screen():
        return _off_screen(output, sample)


def has_screen() -> bool:
    """Whether windows can be shown."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def virtual_screen(
    width: int = _WINDOW[0], height: int = _WINDOW[1] + 40, *, for_children: bool = False
) -> Iterator[None]:
    """Run Xvfb and make it the display of this process.

    It ends with its last client: ended while a Qt application is still there, it would take the process with it.
    With `for_children`, which come and go, it stays until the block ends.
    """
    read, write = os.pipe()
    ending = [] if for_children else ["-terminate"]
    screen = ["-screen", "0", f"{width}x{height}x24"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", *ending, *screen],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start")
        os.environ["DISPLAY"] = f":{number}"
        yield
    finally:
        from qtpy.QtWidgets import QApplication

        os.environ.pop("DISPLAY", None)
        # Qt holds a connection to the screen until the process ends.
        if QApplication.instance() is None:
            server.terminate()
            server.wait()


def _on_screen(run: bool, sample: GeneratedSample) -> int:
    import napari
    from qtpy.QtCore import QTimer

    _, dock = open_demo(sample)
    if run:
        timer = QTimer(dock)

        def press() -> None:
            if dock.view.run_button.isEnabled():
                timer.stop()
                dock.view.run_button.click()

        timer.timeout.connect(press)
        timer.start(100)
    napari.run()
    return 0


def _off_screen(output: Path, sample: GeneratedSample) -> int:
    # Nobody will want this session back.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return _job(output, Path(folder), sample)


def _job(output: Path, folder: Path, sample: GeneratedSample) -> int:
    from napari_pseudolabel.workspace import Workspace

    viewer, dock = open_demo(sample)
    dock.session.workspace = Workspace.open(folder / "workspace")
    try:
        wait_for(lambda: not dock.controller.models.loading)
        if not dock.view.run_button.isEnabled():
            print(dock.view.hint, file=sys.stderr)
            return 1
        dock.view.regions.choose("all")  # the truth is compared with all of it
        dock.view.run_button.click()
        wait_for(lambda: not dock.controller.busy)
        if dock.view.error.sentence:
            print(dock.view.error.sentence, file=sys.stderr)
            return 1
        found = dock.controller.ways.found
        print("\n".join((*found.lines, found.reason) if found is not None else ()))
        print(dock.view.status)
        _print_scores(viewer, sample)
        wait_for(lambda: False, patience_s=1.0)  # the last drawing
        print("\n".join(f"  {path}" for path in leave_behind(viewer, output)))
    except PseudolabelError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        dock.controller.shutdown()
        viewer.close()
    return 0


def _print_scores(viewer: Viewer, sample: GeneratedSample) -> None:
    if (scores := scores_of(viewer, sample)) is not None:
        for name, dice in scores.dice.items():
            print(f"Dice {name}: {dice:.3f}")
        for name, found in scores.objects.items():
            print(f"F1 {name}: {found.f1:.3f} ({found.matched} of {found.real} found)")


def open_demo(sample: GeneratedSample = SEM_LIKE) -> tuple[Viewer, PseudoLabelDock]:
    """Open napari with a sample and the dock."""
    import napari

    from napari_pseudolabel.sample_data.contributions import layers_of
    from napari_pseudolabel.widgets.open_samples import open_dock

    viewer = napari.Viewer(title="napari-pseudolabel demo")
    viewer.window.resize(*_WINDOW)
    image, attributes, _ = layers_of(sample)[0]
    viewer.add_image(image, **attributes)
    return viewer, open_dock(viewer)


def wait_for(done: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    """Let the window live until something is done, or patience ends."""
    from qtpy.QtWidgets import QApplication

    deadline = time.monotonic() + patience_s
    while not done() and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.01)


def leave_behind(viewer: Viewer, output: Path) -> tuple[Path, ...]:
    """Write a picture of the window, the labels as OME-TIFF and their provenance."""
    from napari_pseudolabel.viewer import content_of, find_layer

    output.mkdir(parents=True, exist_ok=True)
    picture = output / "window.png"
    viewer.screenshot(str(picture), canvas_only=False, flash=False)
    labels = find_layer(viewer, viewer.layers[0], "labels")
    assert labels is not None  # they were just made
    files = content_of(viewer, labels).write(output / "labels.ome.tif", "ome-tiff", confidence=False)
    return (picture, *files)


def scores_of(viewer: Viewer, sample: GeneratedSample = SEM_LIKE) -> Evaluation | None:
    """How well the labels agree with the truth that the sample was drawn from; None without labels."""
    from napari_pseudolabel.labels.metrics import evaluate
    from napari_pseudolabel.viewer import find_layer

    labels = find_layer(viewer, viewer.layers[0], "labels")
    if labels is None:
        return None
    _, truth = sample.draw()
    classes = {label_class.name: label_class.value for label_class in sample.classes if label_class.value}
    return evaluate(labels.data, truth, classes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--sample", choices=tuple(_SAMPLES), default="axons", help="what is opened")
    parser.add_argument("--run", action="store_true", help="press Run")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for results")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _arguments()
    sys.exit(main(arguments.run, arguments.output, _SAMPLES[arguments.sample]))
