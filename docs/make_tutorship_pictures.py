"""Make the pictures of docs/tutorship.md from the real plugin: adapt, tutor, be killed, go on, compare.

    python docs/make_tutorship_pictures.py [OUTPUT_FOLDER] [--steps 400] [--samples 2] [--theme light]
        [--image FILE --pixel-size UM --truth FILE --labelled-images DIR --labelled-labels DIR --labelled-pixel-size UM]

One process opens napari, labels the image by adaptation, then chooses tutorship and a labelled set with the widgets of
the dock, and begins to train. Another kills it (SIGKILL) after the first validation. A second napari brings the session
back, finds the training that was begun, goes on with it, and labels the image. Without --image the generated
SEM-like sample is labelled, and the labelled set is generated TEM-like fields in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from keyboard_person import KeyboardPerson
from numpy.typing import NDArray
from photographs import CLASSES, IMAGES, on_a_screen, photograph, say

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.imaging import read
from napari_pseudolabel.sample_data.samples import SEM_LIKE, TEM_LIKE
from napari_pseudolabel.viewer import Candidates, find_layer
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.viewer import Viewer

# Other fields than those that the shipped models learned from.
FIELDS, FIELD_SHAPE, FIELD_SEED = 6, (192, 192), 90_000
_PATIENCE_S = 1800.0


def play(args: argparse.Namespace) -> None:
    """Start the first napari, kill it, start the second."""
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        if args.labelled_images is None:
            write_fields(Path(folder))
        # What is chosen here shall not be offered to whoever makes the pictures.
        environment = os.environ | {"XDG_CONFIG_HOME": str(Path(folder) / "config")}
        command = [sys.executable, __file__, *sys.argv[1:], "--folder", folder]
        first = subprocess.Popen([*command, "--part", "work"], env=environment)
        while first.poll() is None and not _sign(folder).exists():
            time.sleep(0.2)
        time.sleep(2.0)  # in the middle of the next steps
        if first.poll() is not None:
            raise SystemExit(f"The first napari ended by itself ({first.returncode}).")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        print("Killed napari (SIGKILL) in the middle of the training.", flush=True)
        subprocess.run([*command, "--part", "resume"], check=True, env=environment)


def write_fields(folder: Path) -> None:
    """Write generated TEM-like fields, as a person who has labelled TEM images has them."""
    import tifffile

    for name in ("images", "labels"):
        (folder / "tem" / name).mkdir(parents=True)
    for number in range(FIELDS):
        image, labels = replace(TEM_LIKE, seed=FIELD_SEED + number, shape=FIELD_SHAPE).draw()
        for name, values in (("images", image), ("labels", labels)):
            tifffile.imwrite(folder / "tem" / name / f"field_{number + 1}.tif", values)


def work(args: argparse.Namespace) -> None:
    """The first napari: adapt, then train until somebody kills it."""
    viewer = _viewer(args)
    image, truth, scale = _image(args)
    viewer.add_image(
        image,
        name=args.image.stem if args.image else "axons",
        scale=scale,
        units="um",
        metadata={"modality": "SEM"},
    )
    dock = _open(viewer, "Pseudo-label")
    _until(lambda: not dock.controller.models.loading and dock.view.run_button.isEnabled(), "models", dock)
    began = time.monotonic()
    dock.view.run_button.click()
    _finish(dock)
    labels: Any = find_layer(viewer, viewer.layers[0], "labels")
    say(f"adaptation, {time.monotonic() - began:.0f} s", labels.data, truth)
    _choose(dock.view.strategy, "tutorship")
    _set_labelled(args, dock)
    _settle(dock)
    if not dock.view.run_button.isEnabled():
        raise SystemExit(f"It cannot be trained: {dock.view.hint}")
    photograph(viewer, args.output, "tutorship-1-before")
    dock.view.forms["tutorship"].fold.set_open(False)  # room for the pictures
    began = time.monotonic()
    dock.view.run_button.click()
    seen = dock.view.forms["tutorship"].seen
    _until(lambda: len(seen.pairs) > 2 or seen.score.text() != "", "synthetic pairs", dock)
    photograph(viewer, args.output, "tutorship-2-translating")
    _until(lambda: dock.view._stage.text().startswith("Training"), "the training", dock)
    print(f"translated after {time.monotonic() - began:.0f} s", flush=True)
    _until(lambda: seen.score.text() != "", "the first validation", dock)
    photograph(viewer, args.output, "tutorship-3-training")
    print(f"first validation after {time.monotonic() - began:.0f} s: {seen.score.text()}", flush=True)
    _sign(args.folder).touch()
    _until(lambda: False, "the end", dock)


def resume(args: argparse.Namespace) -> None:
    """The second napari: bring the session back, go on with the training, compare."""
    viewer = _viewer(args)
    _, truth, _ = _image(args)
    dock = _open(viewer, "Pseudo-label")
    autosave = dock.session.autosave
    _until(lambda: autosave.offer() is not None, "the session", dock)
    autosave.bring_back(autosave.offer())
    _until(lambda: len(viewer.layers) > 1 and not dock.controller.models.loading, "the layers", dock)
    _choose(dock.view.strategy, "tutorship")
    _settle(dock)
    print(f"After the kill: {dock.view.hint!r}", flush=True)
    photograph(viewer, args.output, "tutorship-4-back")
    said: list[str] = []
    dock.controller.preparing["tutorship"].message.connect(lambda sentence, _: said.append(sentence))
    began = time.monotonic()
    dock.view.run_button.click()
    _finish(dock)
    _until(lambda: "objects" in dock.view.status and "Agreement with" in dock.view.status, "agreement", dock)
    print(f"{' '.join(said)} Then {time.monotonic() - began:.0f} s.\n{dock.view.status}", flush=True)
    labels: Any = find_layer(viewer, viewer.layers[0], "labels")
    say("tutorship", labels.data, truth)
    other = Candidates.made_for(labels)
    number = other.names.index("adaptation")
    say("adaptation, kept as a candidate", other.labels(number), truth)
    photograph(viewer, args.output, "tutorship-5-result")
    correct = _open(viewer, "Correct")
    viewer.layers.selection.active = labels
    wait_for(lambda: correct.controller.settled and correct.review.settled, patience_s=60)
    person = KeyboardPerson(viewer, labels, np.zeros((1, 1), np.uint8))
    for _ in other.names:
        person.press(shortcuts.NEXT_CANDIDATE)
        if correct.controller.visibility.shown == number:
            break
    photograph(viewer, args.output, "tutorship-6-candidate")
    correct.controller.shutdown()
    dock.controller.shutdown()
    viewer.close()


def _set_labelled(args: argparse.Namespace, dock: Any) -> None:
    """Fill in what a person fills in."""
    tutoring = dock.view.forms["tutorship"]
    _choose(tutoring.kind, "folders")
    own = Path(args.folder) / "tem"
    folders = [args.labelled_images or own / "images", args.labelled_labels or own / "labels"]
    _answer_dialogs([folder.resolve() for folder in folders])
    tutoring.browse_set.click()
    tutoring.classes.setText(", ".join(f"{name}={value}" for name, value in CLASSES.items()))
    tutoring.pixel_size.setValue(args.labelled_pixel_size or TEM_LIKE.pixel_size_um)
    tutoring.fold.set_open(True)
    tutoring.steps.setValue(args.steps)
    tutoring.samples.setValue(args.samples)


def _answer_dialogs(folders: list[Path]) -> None:
    """Choose one folder in each of the dialogs that will open."""
    from qtpy.QtCore import Qt, QTimer
    from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    timer = QTimer(QApplication.instance())

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog) and dialog.isVisible():
            dialog.findChild(QLineEdit).setText(str(folders.pop(0)))
            dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open).click()
            if not folders:
                timer.stop()

    timer.timeout.connect(look)
    timer.start(300)


def _choose(box: Any, value: str) -> None:
    box.setCurrentIndex(box.findData(value))


def _finish(dock: Any) -> None:
    _until(lambda: dock.controller.busy, "the run", dock)
    _until(lambda: not dock.controller.busy, "the labels", dock)
    _until(lambda: "objects" in dock.view.status, "the objects", dock)


def _settle(dock: Any) -> None:
    wait_for(lambda: False, patience_s=0.5)  # the dock looks a moment after the last change
    _until(lambda: dock.controller.preparing["tutorship"].settled, "the labelled set", dock)


def _until(done: Callable[[], bool], what: str, dock: Any) -> None:
    wait_for(lambda: done() or dock.view.error.sentence != "", patience_s=_PATIENCE_S)
    if dock.view.error.sentence or not done():
        raise SystemExit(dock.view.error.sentence or f"Waited for {what} in vain: {dock.view.hint}")


def _open(viewer: Viewer, name: str) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-pseudolabel", name)[1]


def _viewer(args: argparse.Namespace) -> Viewer:
    import napari

    from napari_pseudolabel.widgets.common.session import Session

    viewer = napari.Viewer(title="napari-pseudolabel")
    viewer.theme = args.theme
    viewer.window.resize(1400, 860)
    args.session = Session.of(viewer)  # it lives as long as somebody holds it, and no dock does yet
    args.session.workspace = Workspace.open(Path(args.folder) / "workspace")
    return viewer


def _image(args: argparse.Namespace) -> tuple[NDArray[Any], NDArray[np.uint8] | None, tuple[Any, Any]]:
    if args.image is None:
        image, truth = SEM_LIKE.draw()
        return image, truth, (SEM_LIKE.pixel_size_um,) * 2
    known = read(args.truth).plane((), None).astype(np.uint8) if args.truth else None
    return read(args.image).plane((), None), known, (args.pixel_size,) * 2


def _sign(folder: str) -> Path:
    """Is there once the first napari may be killed."""
    return Path(folder) / "kill-me"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path, default=IMAGES)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--pixel-size", type=float)
    parser.add_argument("--labelled-images", type=Path)
    parser.add_argument("--labelled-labels", type=Path)
    parser.add_argument("--labelled-pixel-size", type=float)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--part", choices=("work", "resume"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _arguments()
    if arguments.part:
        {"work": work, "resume": resume}[arguments.part](arguments)
    else:
        on_a_screen(lambda: play(arguments), for_children=True)
