"""The controls for making a fast version of a translator; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_pseudolabel.training.student.distil_task import LEAST_DICE, DistilSettings
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    column,
    combo,
    fill_combo,
    form,
)
from napari_pseudolabel.widgets.train.train_choice import FastVersionChoice

_ABOUT = (
    "Learns what the translator makes of your image, and takes minutes once. It is kept only where the labels of the segmenter stay "
    f"the same (Dice {LEAST_DICE:g} or more for every class) in parts of the image that it has not learned from."
)


class FastVersionPage(QWidget):
    """The image, the translator that shall be faster, and whose labels must stay the same."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.image = LayerBox("Image layer that the translator takes; proposed is the active one")
        self.translator = combo("Translator that shall be faster; it stays as it is")
        self.segmenter = combo(
            "Segmenter behind it: only if its labels stay the same, the fast version is kept"
        )
        for box in (self.image, self.translator, self.segmenter):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._about = MessageLabel(_ABOUT)
        self.advanced = OptionForm(DistilSettings(), group="advanced", indent=8)
        self._advanced = Collapsible("Advanced", self.advanced, "How much it learns from, and where it runs")
        controls = form(
            ("Image", self.image),
            ("Translator", self.translator),
            ("Segmenter", self.segmenter),
            (self._about,),
        )
        column(controls, self._advanced, parent=self)

    def choice(self) -> FastVersionChoice:
        """All controls as they are now."""
        return FastVersionChoice(
            image=self.image.currentData(),
            translator=self.translator.currentData(),
            segmenter=self.segmenter.currentData(),
            settings=self.advanced.value(DistilSettings()),
        )

    def offer(
        self,
        translators: Sequence[tuple[str, str]],
        segmenters: Sequence[tuple[str, str]],
        wished: Sequence[str],
    ) -> None:
        """Offer models as (reference, title), without telling anybody.

        Parameters
        ----------
        wished
            References, of which the first that is offered is chosen where what was chosen is offered no more.
        """
        for box, offered in ((self.translator, translators), (self.segmenter, segmenters)):
            _refill(box, offered, wished)

    def set_editable(self, on: bool) -> None:
        """While it learns its settings cannot be changed, and the room is for the curves."""
        self.setEnabled(on)
        self._about.setVisible(on)
        self._advanced.setVisible(on)


def _refill(box: QComboBox, offered: Sequence[tuple[str, str]], wished: Sequence[str]) -> None:
    refs = [ref for ref, _ in offered]
    chosen = next((ref for ref in (box.currentData(), *wished, *refs[:1]) if ref in refs), None)
    fill_combo(box, offered, chosen)
