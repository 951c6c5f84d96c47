"""Other ways to look: the image alone, the translation, what other candidates say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.viewer import Candidates, find_layer
from napari_pseudolabel.viewer.corrections import Index
from napari_pseudolabel.viewer.objects_layer import show_candidate
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.view import Held

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

# Tells whoever opens the labels again that it was the plugin that hid them.
HIDDEN_KEY = "napari_pseudolabel_hidden"
NO_CANDIDATES = (
    "There is no other candidate: label with two or more samples or with flips, or press "
    f"{shortcuts.shown(shortcuts.SOURCE_ONLY)} for one without the translator."
)
NO_TRANSLATION = "There is no translation of this image; label it in the Pseudo-label dock first."


class LayerVisibility(Part):
    """Shows and hides layers for as long as the person wants to compare.

    Attributes
    ----------
    changed
        A candidate is shown instead of the labels, or the labels again.
    """

    changed = Signal()

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._before: list[tuple[Layer, bool]] = []
        self._number: int | None = None
        self._labels: Labels | None = None
        context.end_candidate = self.end

    # While a key is held.

    def hold(self, held: Held) -> None:
        """Show the image alone, or its translation, until `release`.

        Raises
        ------
        InputError
            When there is no translation.
        """
        self.release()
        source = self._context.layers.source
        wanted = (
            find_layer(self._context.viewer, source, "translation")
            if held == "translation" and source
            else None
        )
        if held == "translation" and wanted is None:
            raise InputError(NO_TRANSLATION)
        shown = [one for one in (wanted, source) if one is not None]
        others = [layer for layer in self._context.viewer.layers if layer not in shown]
        self._before = [(layer, layer.visible) for layer in (*others, *shown)]
        labels = self._context.layers.labels
        if labels is not None and labels.visible:
            labels.metadata[HIDDEN_KEY] = True
        for layer in others:
            layer.visible = False
        for layer in shown:
            layer.visible = True

    def release(self) -> None:
        """Show everything as before."""
        before, self._before = self._before, []
        for layer, visible in before:
            if layer in self._context.viewer.layers:
                layer.visible = visible
                if visible:
                    layer.metadata.pop(HIDDEN_KEY, None)

    # Candidates.

    @property
    def shown(self) -> int | None:
        """Which candidate is shown; None for the labels themselves."""
        return self._number

    def candidates(self) -> Candidates:
        """Return the candidates of the labels.

        Raises
        ------
        InputError
            If there are none.
        """
        found = Candidates.of(self._context.layers.require())
        if found is None or not found.names:
            raise InputError(NO_CANDIDATES)
        return found

    def next(self) -> None:
        """Show the next candidate instead of the labels; after the last, the labels again.

        Raises
        ------
        InputError
            If there is none, or the canvas does not show a plane of the labels.
        """
        found = self.candidates()
        number = 0 if self._number is None else self._number + 1
        if number >= len(found.names):
            self.end()
            self._context.say("These are the labels again.")
            return
        self.show(number)
        self._context.say(
            f"Candidate {number + 1} of {len(found.names)}: {found.names[number]}. "
            f"{shortcuts.shown(shortcuts.PASTE)} takes the object under the cursor."
        )

    def show(self, number: int) -> None:
        """Show a candidate by its number."""
        found, plane = self.candidates(), self._context.layers.plane()
        labels = self._context.layers.require()
        self._draw(found, plane, labels, number)
        self._number, self._labels = number, labels
        labels.metadata[HIDDEN_KEY] = True
        labels.visible = False
        self._context.view.set_candidate(found.names[number])
        self.changed.emit()

    def end(self) -> bool:
        """Show the labels instead of a candidate; False if they are shown already."""
        labels, self._labels, self._number = self._labels, None, None
        if labels is not None:
            layer = find_layer(self._context.viewer, labels, "candidate", labels.data.shape)
            if layer is not None:
                layer.visible = False
            reveal(labels)
        self._context.view.set_candidate("")
        self.changed.emit()
        return labels is not None

    def refresh(self) -> None:
        """Another plane is shown, or other labels, or candidates came or went."""
        labels, number = self._labels, self._number
        if labels is None or number is None:
            return
        try:
            found = self.candidates()
            if labels is not self._context.layers.labels or number >= len(found.names):
                self.end()
            else:
                self._draw(found, self._context.layers.plane(), labels, number)
        except PseudolabelError:
            self.end()

    @override
    def follow(self, labels: Labels | None) -> None:
        self.end()
        if labels is not None:
            reveal(labels)

    @override
    def stop(self) -> None:
        self.release()
        super().stop()

    def _draw(self, found: Candidates, plane: Index, labels: Labels, number: int) -> None:
        layer = show_candidate(self._context.viewer, labels, plane, found, number, classes_of(labels))
        layer.visible = True


def reveal(labels: Labels) -> None:
    """Show labels that the plugin has hidden, be it before a restart."""
    if labels.metadata.pop(HIDDEN_KEY, False):
        labels.visible = True
