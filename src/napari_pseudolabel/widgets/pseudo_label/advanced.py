"""The fold with the settings that most people never touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QWidget,
)

from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT
from napari_pseudolabel.widgets.common.fields import number, refill
from napari_pseudolabel.widgets.common.parts import combo
from napari_pseudolabel.widgets.pseudo_label.choice import Choice
from napari_pseudolabel.widgets.pseudo_label.workers import WorkersRow

# What the number beside the scale means: suffix, smallest, largest, decimals, first proposal.
_SCALES: dict[str, tuple[str, float, float, int, float]] = {
    "factor": ("×", 0.02, 64, 3, 1.0),
    "object": (" px", 1, 10000, 1, 30.0),
    "pixel": (" µm", 0.00001, 1000, 5, 0.1),
}
# One sample in four mirrors tells wrong labels better than two samples, and takes less time (docs/benchmarks.md).
_FLIPS = 3


class Advanced(QWidget):
    """Samples, flips, smallest object, seed, scale, tiles, channel, device, and the workers' memory."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        form = QFormLayout(self)
        form.setContentsMargins(8, 0, 0, 4)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._form = form

        self.samples = number(
            1, 64, 1, "Translations drawn per plane. More take longer and average out what the noise invents."
        )
        self.flips = QCheckBox("Segment in mirrors, too")
        self.flips.setChecked(True)
        self.flips.setToolTip(
            "Segments each translation also flipped left-right, up-down and both ways, and averages: a better "
            "confidence and slightly better labels for about a quarter more time."
        )
        self.smallest = number(
            0,
            100,
            round(100 * SMALLEST_OBJECT),
            "Islands of labels with less area than this share of a typical object are left out, and such holes in "
            "nuclei and cells are filled. Needs a segmenter that knows the size of its objects.",
            "keep all",
        )
        self.smallest.setSuffix(" %")
        self.seed = number(
            0, 2**31 - 1, 0, "Number that fixes all noise: the same seed gives the same labels."
        )
        self.scale = combo(
            "How the image is brought to the size the models were trained on. From the pixel size of the "
            "layer, unless you know better."
        )
        for kind, title in (
            ("auto", "From pixel size"),
            ("factor", "Magnify by"),
            ("object", "Object size"),
            ("pixel", "Pixel size"),
        ):
            self.scale.addItem(title, kind)
        self.scale_value = QDoubleSpinBox()
        self.scale_value.setToolTip(
            "Magnification, median object diameter in pixels of your image, or side of a pixel in µm"
        )
        self.scale_value.setMinimumWidth(84)
        scale = QHBoxLayout()
        scale.setContentsMargins(0, 0, 0, 0)
        scale.addWidget(self.scale, 1)
        scale.addWidget(self.scale_value, 1)

        self.tile = number(
            0,
            8192,
            0,
            "Side of a tile in pixels of the model's grid. Smaller tiles need less memory.",
            "automatic",
        )
        self.overlap = number(
            -1,
            2048,
            -1,
            "Pixels that neighbouring tiles share. More hides seams better and takes longer.",
            "automatic",
        )
        self.tile.setSuffix(" px")
        self.overlap.setSuffix(" px")
        self.tile.setSingleStep(32)
        self.overlap.setSingleStep(8)
        self.first_axis = combo("Whether the first axis of the layer counts planes or channels")
        self.first_axis.addItem("Planes", False)
        self.first_axis.addItem("Channels", True)
        self.channel = combo("Which channel of the image is labelled, or how they are combined")
        self.device = combo(
            "Where the models run. On a lack of memory they fall back to smaller tiles, then to the CPU."
        )
        self.set_devices((("auto", "Automatic"),))
        self.workers = WorkersRow()

        for title, field in (
            ("Samples", self.samples),
            ("Flips", self.flips),
            ("Smallest", self.smallest),
            ("Seed", self.seed),
            ("Scale", scale),
            ("Tile", self.tile),
            ("Overlap", self.overlap),
            ("First axis", self.first_axis),
            ("Channel", self.channel),
            ("Device", self.device),
            ("Workers", self.workers),
        ):
            form.addRow(title, field)
        self._size_of_image = False
        self._connect()
        self._on_scale()
        self.set_first_axis(False)
        self.set_channels(())

    def choice(self, choice: Choice) -> Choice:
        """`choice` with what these controls say."""
        channel = self.channel.currentData()
        return replace(
            choice,
            samples=self.samples.value(),
            flips=_FLIPS if self.flips.isChecked() else 0,
            smallest_object=self.smallest.value() / 100,
            seed=self.seed.value(),
            scale=self.scale.currentData(),
            scale_value=self.scale_value.value(),
            tile=self.tile.value() or None,
            overlap=None if self.overlap.value() < 0 else self.overlap.value(),
            channel=channel,
            first_axis_channels=self.first_axis_shown and bool(self.first_axis.currentData()),
            device=self.device.currentData() or "auto",
        )

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer devices as (name, text) pairs; the chosen one stays where it is still there."""
        refill(self.device, devices)

    def set_object_size(self, size: float | None) -> None:
        """Begin with the object size that an image brings along; without one, with the pixel size again."""
        if size is None and not self._size_of_image:
            return  # what the person has chosen stays
        self._size_of_image = size is not None
        with QSignalBlocker(self):
            self.scale.setCurrentIndex(self.scale.findData("auto" if size is None else "object"))
            if size is not None:
                self.scale_value.setValue(size)

    def set_channels(self, channels: Sequence[tuple[Any, str]]) -> None:
        """Offer channels as (value, text) pairs; the row is hidden without any."""
        refill(self.channel, channels)
        self._form.setRowVisible(self.channel, bool(channels))

    def set_first_axis(self, shown: bool) -> None:
        """Show or hide the question what the first axis means."""
        self.first_axis_shown = shown
        self._form.setRowVisible(self.first_axis, shown)

    def _connect(self) -> None:
        for field in (self.samples, self.smallest, self.seed, self.tile, self.overlap, self.scale_value):
            field.valueChanged.connect(lambda _: self.changed.emit())
        self.flips.toggled.connect(lambda _: self.changed.emit())
        self.scale.currentIndexChanged.connect(self._on_scale)
        for box in (self.first_axis, self.channel, self.device):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())

    def _on_scale(self) -> None:
        kind = self.scale.currentData()
        self.scale_value.setVisible(kind in _SCALES)
        if kind in _SCALES:
            suffix, low, high, decimals, proposal = _SCALES[kind]
            self.scale_value.blockSignals(True)
            self.scale_value.setDecimals(decimals)
            self.scale_value.setRange(low, high)
            self.scale_value.setSuffix(suffix)
            self.scale_value.setValue(proposal)
            self.scale_value.blockSignals(False)
        self.changed.emit()
