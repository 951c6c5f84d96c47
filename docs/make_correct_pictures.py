"""Make the pictures of docs/correct.md from the real plugin: review, correct, be killed, come back, finish.

    python docs/make_correct_pictures.py [OUTPUT_FOLDER] [--image FILE --truth FILE --pixel-size UM] [--regions 6]

One process opens napari, labels the image with the shipped models, and goes through the review queue with nothing but keys
and the mouse on the canvas. Another kills it (SIGKILL) in the middle of a correction. A second napari brings the session
back, which is compared with what the first one had, and the work is finished and exported. Without --image the
generated SEM-like sample is used, of which the truth is known.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from keyboard_person import KeyboardPerson
from numpy.typing import NDArray
from photographs import IMAGES, on_a_screen, photograph, say

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.imaging import read
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.viewer import Corrections, find_layer
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PATIENCE_S = 600.0
# What is on disk may be this much older than what was on the screen.
_SAVED_WITHIN_S = 2.0


def play(args: argparse.Namespace) -> None:
    """Start the first napari, kill it, start the second."""
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, *sys.argv[1:], "--folder", folder]
        first = subprocess.Popen([*command, "--part", "work"])
        log = Path(folder) / "log.jsonl"
        while first.poll() is None and _last(log).get("reviewed", 0) < args.regions // 2:
            time.sleep(0.2)
        time.sleep(_SAVED_WITHIN_S)  # in the middle of the next region
        if first.poll() is not None:
            raise SystemExit(f"The first napari ended by itself ({first.returncode}).")
        os.kill(first.pid, signal.SIGKILL)
        print(f"Killed napari (SIGKILL) after {_last(log)['reviewed']} regions.", flush=True)
        first.wait()
        subprocess.run([*command, "--part", "resume"], check=True)


def work(args: argparse.Namespace) -> None:
    """The first napari: label the image and review until somebody kills it."""
    viewer = _viewer(args)
    image, truth, scale = _image(args)
    viewer.add_image(image, name="sem_12", scale=scale, units="um", metadata={"modality": "SEM"})
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Pseudo-label")
    wait_for(lambda: not dock.controller.models.loading)
    wait_for(lambda: dock.view.run_button.isEnabled(), patience_s=60)
    canvas_key(viewer, shortcuts.RUN)
    wait_for(lambda: dock.controller.busy, patience_s=10)
    wait_for(lambda: not dock.controller.busy, patience_s=_PATIENCE_S)
    if dock.view.error.sentence:
        raise SystemExit(dock.view.error.sentence)
    labels = find_layer(viewer, viewer.layers[0], "labels")
    say("pseudo labels", labels.data, truth)
    correct = _open_correct(viewer, labels)
    photograph(viewer, args.output, "correct-1-start")
    _review(args, viewer, correct, labels, truth, most=10**6)


def resume(args: argparse.Namespace) -> None:
    """The second napari: bring the session back, compare, and finish."""
    viewer = _viewer(args)
    _, truth, _ = _image(args)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Correct")
    wait_for(lambda: dock.session.autosave.offer() is not None, patience_s=30)
    photograph(viewer, args.output, "correct-4-offer")
    dock.session.autosave.bring_back(dock.session.autosave.offer())
    wait_for(lambda: len(viewer.layers) > 1, patience_s=60)
    wait_for(lambda: dock.controller.settled and dock.review.settled, patience_s=60)
    labels = next(one for one in viewer.layers if "(pseudo)" in one.name)
    _compare(args, labels)
    viewer.layers.selection.active = labels
    dock.controller.layers.fill(labels)
    wait_for(lambda: dock.controller.settled and dock.review.settled, patience_s=60)
    photograph(viewer, args.output, "correct-5-back")
    before = _last(Path(args.folder) / "log.jsonl")["reviewed"]
    _review(args, viewer, dock, labels, truth, most=args.regions - before)
    say("finished", labels.data, truth)
    done = Corrections.of(labels).confirmed
    say("inside of the confirmed regions", np.where(done, labels.data, 0), np.where(done, truth, 0))
    photograph(viewer, args.output, "correct-6-finished")
    print(dock.review.card.progress, "|", dock.review.card.quality, "|", dock.review.card.stop, flush=True)
    dock.controller.shutdown()
    viewer.close()


def _review(
    args: argparse.Namespace, viewer: Viewer, dock: Any, labels: Any, truth: NDArray[np.uint8], most: int
) -> None:
    """Go through the queue: accept what is right, mend what is not."""
    person = KeyboardPerson(viewer, labels, truth)
    log = Path(args.folder) / "log.jsonl"
    reviewed = _last(log).get("reviewed", 0)
    wait_for(lambda: dock.review.settled and dock.review.card.progress != "", patience_s=60)
    person.press(shortcuts.REVIEW_ACCEPT)
    for number in range(most):
        region = dock.review.current
        if region is None:
            break
        wait_for(lambda: dock.review.settled, patience_s=60)
        part = (slice(region.box[0], region.box[2]), slice(region.box[1], region.box[3]))
        if np.mean(labels.data[part] != truth[part]) > 0.01:
            person.press(shortcuts.REVIEW_SUSPECT)
            if number == 1 and args.part == "work":
                photograph(viewer, args.output, "correct-2-suspect")
            person.press(shortcuts.REVIEW_FIX)
            person.mend(region.box)
            if number == 1 and args.part == "work":
                photograph(viewer, args.output, "correct-3-fixed")
        person.press(shortcuts.REVIEW_ACCEPT)
        if dock.review.current == region:
            raise SystemExit(f"The region was not accepted: {dock.view.status}")
        reviewed += 1
        _dump(args, labels, reviewed)
    print("Keys pressed:", json.dumps(dict(person.did.most_common())), flush=True)


def _open_correct(viewer: Viewer, labels: Any) -> Any:
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Correct")
    viewer.layers.selection.active = labels
    wait_for(lambda: dock.controller.settled and dock.review.settled, patience_s=60)
    return dock


def canvas_key(viewer: Viewer, key: str) -> None:
    """Press a key over the canvas."""
    KeyboardPerson(viewer, None, np.zeros((1, 1), np.uint8)).press(key)


def _viewer(args: argparse.Namespace) -> Viewer:
    import napari

    from napari_pseudolabel.widgets.common.session import Session

    viewer = napari.Viewer(title="napari-pseudolabel")
    viewer.window.resize(1400, 860)
    # What is done here shall not stay among the sessions of whoever makes the pictures.
    args.session = Session.of(viewer)  # it lives as long as somebody holds it, and no dock does yet
    args.session.workspace = Workspace.open(Path(args.folder) / "workspace")
    return viewer


def _image(args: argparse.Namespace) -> tuple[NDArray[Any], NDArray[np.uint8], tuple[float, float]]:
    if args.image is None:
        image, truth = SEM_LIKE.draw()
        return image, truth, (SEM_LIKE.pixel_size_um,) * 2
    truth = read(args.truth).plane((), None).astype(np.uint8)
    return read(args.image).plane((), None), truth, (args.pixel_size,) * 2


def _dump(args: argparse.Namespace, labels: Any, reviewed: int) -> None:
    """What a person has after a region, for the comparison."""
    folder = Path(args.folder)
    corrections = Corrections.of(labels)
    np.savez(
        folder / f"state-{reviewed}.npz",
        labels=labels.data,
        corrected=corrections.mask,
        confirmed=corrections.confirmed,
    )
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"reviewed": reviewed, "at": time.time()}) + "\n")


def _compare(args: argparse.Namespace, labels: Any) -> None:
    """What came back holds every region that was accepted; what came after it may be there as well."""
    last = _last(Path(args.folder) / "log.jsonl")
    with np.load(Path(args.folder) / f"state-{last['reviewed']}.npz") as state:
        confirmed = state["confirmed"]
        same = labels.data[confirmed] == state["labels"][confirmed]
        corrections = Corrections.of(labels)
        lost = int((~same).sum()) + int((confirmed & ~corrections.confirmed).sum())
        lost += int((state["corrected"] & ~corrections.mask).sum())
        more = int((labels.data != state["labels"]).sum())
    print(
        f"Back after the kill: {lost} pixels lost, {more} pixels of the region under way came on top.",
        flush=True,
    )
    if lost:
        raise SystemExit(f"{lost} pixels were lost.")


def _last(log: Path) -> dict[str, Any]:
    lines = log.read_text().splitlines() if log.exists() else []
    return json.loads(lines[-1]) if lines else {}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=IMAGES)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--pixel-size", type=float)
    parser.add_argument("--regions", type=int, default=6)
    parser.add_argument("--part", choices=("work", "resume"))
    parser.add_argument("--folder")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _arguments()
    if arguments.part:
        {"work": work, "resume": resume}[arguments.part](arguments)
    else:
        on_a_screen(lambda: play(arguments), for_children=True)
