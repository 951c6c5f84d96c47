"""How long a run will take, said before it begins, and asked about where that is long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from math import prod
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.run_cost import RunCost
from napari_pseudolabel.viewer import visible_region
from napari_pseudolabel.viewer.known_size import known_size
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, models_of
from napari_pseudolabel.widgets.pseudo_label.label_sentences import duration, expected_text
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import Region, RunReport
    from napari_pseudolabel.strategies.jobs import LabelJob

LONG_S = 600
_LOOK_MS = 500
# A run of fewer pixels says more about what surrounds it.
_LEAST_PX = 10_000


class ExpectedTime(QObject):
    """Estimates from rates of earlier runs with the same models, which are remembered; measured ahead before the first."""

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        images: ImagePicker,
        models: ModelPicker,
        recent: RecentChoices,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__()
        self._viewer, self._view, self._images, self._models = viewer, view, images, models
        self._remembered, self._canvas_px = recent, canvas_px
        self._said: LabelChoice | None = None
        # The canvas may move, or become another size.
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._say)

    def say(self, choice: LabelChoice | None) -> None:
        """Say how long the view and the image take, and again when the view moves; nothing for None."""
        self._said = choice
        self._say()
        if choice is None:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def _say(self) -> None:
        self._view.set_expected("" if self._said is None else self.sentence(self._said))

    def sentence(self, choice: LabelChoice) -> str:
        """Return how long the view and the whole image take; empty where that cannot be said."""
        if (known := self._known(choice)) is None:
            return ""
        image, cost, rate = known
        height, width = image.shape[-2:]
        before = self._models.seconds_to_begin
        whole = before + cost.seconds((height, width), prod(image.shape[:-2]), rate)
        seen = self._in_view(image)
        return expected_text(None if seen is None else before + cost.seconds(seen.shape, 1, rate), whole)

    def question(self, choice: LabelChoice, job: LabelJob) -> str:
        """Return what has to be asked before a job begins; empty where it is not long."""
        if (known := self._known(choice)) is None:
            return ""
        _, cost, rate = known
        seconds = cost.seconds(job.whole_region.shape, len(job.plane_indices), rate)
        return f"This will take {duration(seconds)}." if seconds > LONG_S else ""

    def note(self, choice: LabelChoice, job: LabelJob, report: RunReport) -> None:
        """Remember how long a complete run took, from when it had the models."""
        known, region, seconds = self._known(choice), job.whole_region, report.seconds - report.ready
        if known is None or region.area < _LEAST_PX or seconds <= 0:
            return
        _, cost, _ = known
        # What a run found is known by now; whether it had to look for it is in its report.
        searched = len(report.found.tried) if report.found is not None and job.found is None else 0
        done = replace(cost, magnifications=searched)
        now = done.rate(region.shape, len(job.plane_indices), seconds, report.factor)
        before = self._rate(cost)
        # Of two runs the newer one counts as much as all before.
        self._remembered.remember(_key(cost), repr(now if before is None else (now + before) / 2))

    def _known(self, choice: LabelChoice) -> tuple[Image, RunCost, float] | None:
        strategy = registry.find(choice.strategy)
        if choice.layer is None or strategy.preparation is not None or strategy.chooses:
            return None
        cards = []
        for role in ("translator", "segmenter"):
            entry = self._models.chosen(role) if strategy.takes(role) else None
            if strategy.takes(role) and (entry is None or entry.card is None):
                return None
            cards.append(entry.card if entry is not None else None)
        if not any(cards):
            return None
        if (image := self._images.known) is None:
            return None
        cost = RunCost.of(choice.settings, image, *cards, gpu=self._models.has_gpu, found=self._found(choice))
        rate = self._rate(cost)
        if rate is None:
            speed = self._models.speed
            rate = 1.0 if speed is None else cost.rate_at(speed)
        return image, cost, rate

    def _found(self, choice: LabelChoice) -> FoundScale | None:
        """Return the scale of the image, where it was looked for with these models."""
        layer = self._images.layer()
        return None if layer is None else known_size(layer).found.get(models_of(choice))

    def _rate(self, cost: RunCost) -> float | None:
        """Return the rate of earlier runs of a kind, None before the first."""
        remembered = self._remembered.last(_key(cost))
        try:
            return float(remembered) if remembered else None
        except ValueError:  # a file that anybody may write into
            return None

    def _in_view(self, image: Image) -> Region | None:
        layer = self._images.layer()
        if layer is None:
            return None
        try:
            return visible_region(self._viewer, layer, image, self._canvas_px())
        except PseudolabelError:
            return None


def _key(cost: RunCost) -> str:
    """Under which name the rate of jobs of a kind is remembered; what older versions called so held the start as well."""
    return f"rate of work {blake2b(cost.kind.encode(), digest_size=8).hexdigest()}"
