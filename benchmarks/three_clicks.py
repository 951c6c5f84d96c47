"""Three clicks of somebody new: open a SEM image that says no size, open the dock, press Run. What comes of it?

    python benchmarks/three_clicks.py --data DIR [--image sub-rat3_sample-data9] [--region view] [--pictures FOLDER] [--json FILE]

A real napari window (without a screen: on Xvfb, drawn by the CPU), as the plugin comes, with the person's folders of nobody. The
image is a PNG whose name begins with "sem", which is where the plugin has its modality from; a name that says nothing costs a
fourth click. Nothing else is told: no size, no models, no scale. F1 of axons (IoU of .5) and Dice are measured where labels were
made; pictures of the window are taken when the dock is open, at the first labels, and at the end.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import typer
from first_minute import WINDOW, Clock
from latency import live_until, machine, own_folders

from napari_pseudolabel.demo import has_screen, virtual_screen

PATIENCE_S = 3000
CLASSES = {"myelin": 1, "axon": 2}


def clicked(data: Path, name: str, region: str, pictures: Path | None) -> dict[str, Any]:
    """Do it, in this process."""
    import napari

    from napari_pseudolabel.imaging import read_labels
    from napari_pseudolabel.labels.metrics import evaluate
    from napari_pseudolabel.viewer import Corrections, find_layer
    from napari_pseudolabel.widgets.open_samples import open_dock

    found: dict[str, Any] = {"image": name, "region": region}

    def picture(what: str) -> None:
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            viewer.screenshot(str(pictures / f"{name}-{what}.png"), canvas_only=False, flash=False)

    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(data / "axon_sem" / "images" / f"{name}.png", Path(folder) / f"sem_{name}.png")
        viewer = napari.Viewer()
        viewer.window.resize(*WINDOW)
        (image,) = viewer.open(str(path), plugin="napari")  # the first click
        live_until(lambda: False, 1.0)
        dock = open_dock(viewer)  # the second
        view, controller = dock.view, dock.controller
        opened = Clock.now()
        live_until(view.run_button.isEnabled, PATIENCE_S)
        found["ready"] = Clock.now().since(opened)
        if region != "view":
            view.regions.choose(region)
        choice = view.choice()
        translator = choice.translator if choice.strategy == "adaptation" else None
        found["used"] = [choice.strategy, translator, choice.segmenter]
        found["said before"] = [view.hint, view.expected, view.assumed]
        picture("open")
        pressed = Clock.now()
        view.run_button.click()  # the third
        live_until(lambda: any(find_layer(viewer, image, role) for role in ("draft", "labels")), PATIENCE_S)
        found["first labels"] = Clock.now().since(pressed)
        live_until(lambda: False, 0.5)
        picture("first")
        live_until(lambda: not controller.busy, PATIENCE_S)
        found["complete"] = Clock.now().since(pressed)
        live_until(lambda: "axon" in view.status, 60)
        picture("end")
        found["said after"] = [view.status, view.notes, view.error.sentence]
        labels = find_layer(viewer, image, "labels")
        if labels is not None:
            made = Corrections.of(labels).labelled_in((slice(None), slice(None)))
            rows, columns = np.nonzero(made.any(1))[0], np.nonzero(made.any(0))[0]
            part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            truth = np.asarray(read_labels(data / "axon_sem" / "labels" / f"{name}.png").data)[part]
            predicted = np.asarray(labels.data)[part]
            found["labelled"] = float(made.mean())
            scores = evaluate(predicted, truth, CLASSES)
            found["Dice"], axons = scores.dice, scores.objects["axon"]
            found["axons"] = {"F1": axons.f1, "precision": axons.precision, "recall": axons.recall}
        controller.shutdown()
        viewer.close()
    return found


def main(
    data: Path = typer.Option(..., help="Folder that holds axon_sem."),
    image: list[str] = typer.Option(["sub-rat3_sample-data9"], help="Which images."),
    region: str = typer.Option("view", help="view, as the dock begins, or all."),
    pictures: Path | None = typer.Option(None, help="Folder for pictures of the window."),
    json_path: Path = typer.Option(Path("runs/three_clicks.json"), "--json"),
    one: bool = typer.Option(False, hidden=True),
) -> None:
    """Print what came of it, and write it as JSON."""
    if not has_screen():
        with virtual_screen(WINDOW[0], WINDOW[1] + 40, for_children=True):
            raise typer.Exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    if one:
        with own_folders():
            typer.echo(json.dumps(clicked(data, image[0], region, pictures)))
        return
    facts = {"date": date.today().isoformat(), "machine": machine(), "command": " ".join(sys.argv)}
    found = []
    for name in image:
        command = [
            sys.executable,
            __file__,
            "--one",
            "--data",
            str(data),
            "--image",
            name,
            "--region",
            region,
        ]
        command += [] if pictures is None else ["--pictures", str(pictures)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
        typer.echo(json.dumps(found[-1], indent=1, ensure_ascii=False))
    typer.echo(f"{facts['date']}, {facts['machine']}")
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps({**facts, "found": found}, indent=1))


if __name__ == "__main__":
    typer.run(main)
