"""Draw fields that look like images, and train a segmenter on them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import labels_to, resample
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.common.training_record import check_record
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.unlabelled.field_looks import drawn
from napari_pseudolabel.training.unlabelled.seen_images import SeenImages, seen_in
from napari_pseudolabel.training.unlabelled.unlabelled_segmenter import (
    conclude,
    labelled,
    train_segmenter,
)
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedTask, UnlabelledResult, result_of

_FIELD_PX = 192
_SHOWN_PX = 192
_COMMAND = "pseudolabel label IMAGE OUT --strategy rendered"


def render(task: RenderedTask, control: Control) -> UnlabelledResult:
    """Do a task; see `RenderedJob.run`."""
    s = task.settings
    told = asdict(s)
    del told["device"]
    check_record(
        task.folder,
        {"kind": "rendered fields", "settings": told, **task.told, "data": fingerprint(task.places)},
        ("segmenter",),
    )
    if (known := result_of(task)) is not None:
        return known
    seen = seen_in(task, s.size_px, s.covered, control)
    stage = control.stage("Drawing fields", s.fields)
    fields = []
    for number in range(s.fields):
        field = field_like(seen, number, s.seed)
        if number == 0:
            control.emit(_pair(seen, field))
        fields.append(field)
        stage.advance()
    train_segmenter(task, s, fields, _COMMAND, f"{s.fields} fields rendered with a measured look", control)
    return conclude(task, seen.factor, seen.notes)


def field_like(seen: SeenImages, number: int, seed: int) -> LabelledPlane:
    """Draw one field on the grid of the segmenter, with the look of one of the images; the same for the same numbers."""
    rng = np.random.default_rng((seed, number))
    look = seen.looks[number % len(seen.looks)].varied(rng)
    # Drawn in the pixels of the image, so that blur and noise are those of the image on any grid.
    side = max(round(_FIELD_PX / seen.factor), 8)
    image, field = drawn(look, (side, side), seed=seed * 100_003 + number)
    image = resample(np.clip(image, 0, 1), seen.factor)
    numbered = labels_to(field.labels, image.shape)
    low, high = np.percentile(image, (0.5, 99.5))
    return labelled(f"field {number}", (image - low) / max(high - low, 1e-6), numbered)


def _pair(seen: SeenImages, field: LabelledPlane) -> SyntheticPair:
    """Return a part of the first image, and a field with its labels."""
    part = seen.on_grid()[0][:_SHOWN_PX, :_SHOWN_PX]
    grey = [(np.clip(one, 0, 1) * 255).astype(np.uint8) for one in (part, field.image)]
    return SyntheticPair("drawn", grey[0], grey[1], field.labels)
