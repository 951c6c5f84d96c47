"""How large things are in the chosen image: from its file, found, drawn or set, and remembered with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies import FindScaleJob, FoundScale, registry
from napari_pseudolabel.strategies.scale_search import contradiction
from napari_pseudolabel.viewer.file_facts import file_facts
from napari_pseudolabel.viewer.known_size import Grid, How, KnownSize, forget_size, known_size, note_size
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.file_asker import FileAsker
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.layer_box import uid_of
from napari_pseudolabel.widgets.common.line_drawing import LineDrawing, Path
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, ModelEntry, models_of
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.scale_ahead import (
    ScaleAhead,
    ScaleWish,
    quick_to_read,
    search_text,
)
from napari_pseudolabel.widgets.pseudo_label.size_facts import SizeFacts, SizeLine, size_line
from napari_pseudolabel.widgets.pseudo_label.size_mark import SizeMark
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_pseudolabel.imaging.scale.comparison import TextureEstimates
    from napari_pseudolabel.models.cards import Modality

_TOOL = "size"
_SAY = "Drag a line across one typical object, from border to border. Escape cancels."
_SHORT = "The line is too short to tell a size; drag it across one object, from border to border."
_SAY_SIZE = "Say above, beside Size, how large things are: draw one object, or move the slider."
_SHORTEST_PX = 2.0
_TOLD_MS = 120


class SizeController(QObject):
    """Keeps the row "Size" and the scale of the settings together; both are those of the chosen image.

    Parameters
    ----------
    make_overlay
        Makes what is drawn upon over the canvas; None where there is no window.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        images: ImagePicker,
        models: ModelPicker,
        runner: JobRunner,
        make_overlay: Callable[[], Overlay | None],
    ) -> None:
        super().__init__()
        self._viewer, self._view, self._row = viewer, view, view.size_row
        self._images, self._models, self._runner = images, models, runner
        self._make_overlay = make_overlay
        self._overlay: Overlay | None = None
        self._layer: ImageLayer | None = None
        self._known = KnownSize()
        self._grid: Grid = (None, None)
        self._put_last = Scale()
        self._search: int | None = None
        self._busy = self._can_run = False
        self._textures: dict[tuple[object, ...], float | None] = {}
        self._executor = SerialExecutor()
        self._files = FileAsker(self._executor)
        self.mark = SizeMark(viewer, self._sheet)
        self.drawing = LineDrawing(viewer, self._sheet)
        self._before: tuple[Layer | None, set[Layer]] = (None, set())
        self._tell_soon = Debouncer(view.changed.emit, _TOLD_MS, self)
        row = self._row
        self._ahead = ScaleAhead(runner, self._executor, row.set_searching, self._on_answered)
        row.find_pressed.connect(self._on_find)
        row.reset_pressed.connect(self._on_reset)
        row.action_pressed.connect(self._on_action)
        row.draw_toggled.connect(self._on_draw)
        row.show_toggled.connect(self._on_show)
        row.slid.connect(self._on_slid)
        row.left.connect(self._clear_view)
        self.drawing.changed.connect(self._on_drawing)

    # What the dock says.

    def follow(self, *, busy: bool, can_run: bool) -> None:
        """Follow the person, who may have chosen another image or other models, or typed a scale.

        Parameters
        ----------
        busy
            A job of the dock is under way.
        can_run
            Nothing but a press is missing for a run, so that its scale is looked for already.
        """
        self._busy, self._can_run = busy, can_run
        layer, grid = self._images.layer(), sizes_of(self._modality())
        if uid_of(layer) != uid_of(self._layer):
            self._leave()
            self._layer = layer
            self._known = known_size(layer) if layer is not None else KnownSize()
            self._put(grid)
            self._files.ask([] if layer is None else [layer], self._on_file_asked)
        elif (typed := self._view.settings.value().scale) != self._put_last:
            self._note(typed, "set", grid)
        elif grid != self._grid:
            self._put(grid)
        self._show()

    def began(self, *, preview: bool) -> None:
        """Note that a run begins, which looks for the scale itself; nobody looks at the size any more, but in a preview."""
        self._ahead.end()
        if not preview:
            self._leave()

    def found_in_run(self, choice: LabelChoice, found: FoundScale | None) -> None:
        """Note what a run has found, with the image that it labels."""
        layer = self._images.layer(choice.layer)
        if layer is not None and found is not None:
            self._take(layer, models_of(choice), found)

    def stop(self) -> None:
        """End what is under way: the dock is closed."""
        self._can_run = False
        self._ahead.wish(None)
        self._leave()
        self._layer = None
        self._tell_soon.cancel()
        self._executor.shutdown()
        overlay, self._overlay = self._overlay, None
        if overlay is not None:
            overlay.end()

    @property
    def refusal(self) -> str | None:
        """Why a run would be refused for the size of things, and what to do; None where it would not."""
        facts, chooses = self.facts, registry.find(self._view.choice().strategy).chooses
        # Of several ways some may know what a model lacks.
        return _SAY_SIZE if (facts.problem if chooses else facts.refused) else None

    @property
    def facts(self) -> SizeFacts:
        """What is known about the size of things in the chosen image."""
        strategy = registry.find(self._view.choice().strategy)
        image, scale = self._images.known, Scale() if strategy.whole else self._put_last
        pixel, problem = None, ""
        if self._known.how == "file" and scale in (self._known.scale, Scale()):
            # As if the layer said it: texture and looks may speak against it.
            pixel, scale, image = self._known.scale.pixel_size_um, Scale(), None
        if image is not None:
            try:
                pixel = image.placement.pixel_size_um()
            except InputError as error:
                problem = str(error) if scale == Scale() else ""
        if pixel is None and scale == Scale() and self._layer is not None:
            problem = problem or file_facts(self._layer).problem
        choice = self._view.choice()
        first = self._first()
        card = first.card if first is not None else None
        any_size = card is not None and family_named(card.family).any_size
        return SizeFacts(
            scale,
            self._known.how if scale != Scale() else "",
            self._known.on(self._grid)[1],
            pixel,
            self._grid,
            self._known.found.get(models_of(choice)),
            self._textures.get(self._texture_key(pixel)),
            choice.settings.find_scale != "never" and not strategy.by_features and not any_size,
            card is None,
            problem,
            strategy.size_by,
        )

    # What the person does.

    def _on_slid(self, factor: float) -> None:
        self._note(Scale(factor=factor), "set", self._grid)
        self._tell(shown=True)

    def _on_reset(self) -> None:
        if self._layer is not None:
            found = self._known.found
            forget_size(self._layer)
            self._known = replace(known_size(self._layer), found=found)
            note_size(self._layer, self._known)
            self._put(self._grid)
            self._tell(shown=True)

    def _on_action(self) -> None:
        facts = self.facts
        if (better := facts.better_um) is not None:
            self._note(Scale(pixel_size_um=float(f"{better:.3g}")), "set", self._grid)
        elif facts.found is not None:
            self._note(Scale(factor=facts.found.factor), "set", self._grid)
        self._tell(shown=True)

    def _on_show(self, on: bool) -> None:
        if on:
            self._mark()
        else:
            self.mark.hide()

    def _on_find(self) -> None:
        if self._search is not None:
            self._runner.cancel(self._search)
            return
        stopped = self._ahead.looking
        self._ahead.end()
        choice, image, layer = self._view.choice(), self._images.known, self._layer
        if stopped or image is None or layer is None:
            self._show()
            return
        self._view.error.clear()
        self._search = self._runner.submit(
            _search_for(choice, image),
            progressed=self._on_progress,
            finished=partial(self._on_found, layer, models_of(choice)),
            failed=self._on_not_found,
        )
        self._row.set_searching(search_text())

    def _on_progress(self, progress: Progress) -> None:
        if text := search_text(progress):
            self._row.set_searching(text)

    def _on_found(self, layer: ImageLayer, models: str, found: FoundScale) -> None:
        self._search = None
        self._row.set_searching("")
        self._take(layer, models, found)
        if uid_of(layer) == uid_of(self._layer):
            if found.sure and self._known.scale != Scale() and self._known.how != "file":
                self._note(Scale(), "", self._grid)  # they have asked for it
            self._tell(shown=True)
        else:
            self._show()

    def _on_not_found(self, failure: Failure) -> None:
        self._search = None
        self._row.set_searching("")
        if not failure.cancelled:
            self._view.error.show_error(failure.sentence, failure.details)
        self._show()

    def _on_answered(self, wish: ScaleWish, found: FoundScale | None) -> None:
        """Take what nobody asked for, as what a run has found: nothing appears on the canvas, and no failure either."""
        if found is not None:
            self._take(wish.layer, wish.models, found)
        self._tell(shown=False)

    # Drawing one object.

    def _on_draw(self, on: bool) -> None:
        layer = self._layer
        if not on or layer is None:
            self.drawing.leave()
            return
        if self._viewer.dims.ndisplay != 2:
            self._row.set_drawing(False)
            self._row.set_line(SizeLine("the view is 3D: go back to 2D to draw one object", warns=True))
            return
        selection = self._viewer.layers.selection
        self._before = (selection.active, set(selection))
        self.mark.hide()  # it would lie in the way
        self._row.set_shown(False)
        self.drawing.begin(_TOOL, layer, self._on_drawn, straight=True)
        self._say(_SAY)

    def _on_drawing(self, tool: str) -> None:
        self._row.set_drawing(bool(tool))
        if tool:
            return
        active, before = self._before
        still = before & set(self._viewer.layers)
        selection = self._viewer.layers.selection
        if uid_of(selection.active) == uid_of(self._layer) and still:
            self._viewer.layers.selection = still
            self._viewer.layers.selection.active = active if active in still else None
        self._say("")

    def _on_drawn(self, path: Path) -> None:
        length = math.dist(path[0], path[-1])
        if length < _SHORTEST_PX:
            self._say(_SHORT, warns=True)
            return
        self._note(Scale.from_drawn(round(length, 1)), "drawn", self._grid)
        self._tell(shown=True)

    # Keeping it together.

    def _note(self, scale: Scale, how: How, grid: Grid) -> None:
        """Take over what was chosen, and remember it with the image."""
        self._known = KnownSize(scale, how, grid, self._known.found)
        if self._layer is not None:
            note_size(self._layer, self._known)
        self._put(grid)

    def _put(self, grid: Grid) -> None:
        """Bring what is known into the settings, from where jobs and the fold Advanced have it."""
        self._grid = grid
        scale, _ = self._known.on(grid)
        settings = self._view.settings.value()
        if settings.scale != scale:
            self._view.settings.set_value(replace(settings, scale=scale))
        self._put_last = self._view.settings.value().scale

    def _take(self, layer: ImageLayer, models: str, found: FoundScale) -> None:
        here = uid_of(layer) == uid_of(self._layer)
        known = (self._known if here else known_size(layer)).with_found(models, found)
        note_size(layer, known)
        if here:
            self._known = known
            self._show()

    def _tell(self, *, shown: bool) -> None:
        """Show what is new, and tell the dock soon, because a slider says much."""
        self._show()
        if shown:
            self._mark()
        self._tell_soon()

    def _show(self) -> None:
        row, facts, image, choice = self._row, self.facts, self._images.known, self._view.choice()
        strategy = registry.find(choice.strategy)
        prepares = not strategy.chosen_see_images
        measures = bool(strategy.size_by) and strategy.preparation is None
        row.found = None if prepares else facts.found
        chosen = [self._models.chosen(role) for role in strategy.roles]
        ready = bool(chosen) and all(one is not None and one.problem is None for one in chosen)
        row.set_possible(
            image=image is not None,
            slide=image is not None and not strategy.whole,
            find=self._search is not None
            or (image is not None and ready and not prepares and not self._busy and not facts.problem),
            draw=image is not None and not measures and (facts.awaited or self._grid[1] is not None),
            why_not=f"Nothing has to be drawn: the size is {strategy.size_by}" if measures else "",
            shown=image is not None and facts.object_px is not None,
            reset=self._known.how in ("set", "drawn"),
        )
        row.set_factor(facts.factor)
        self._ahead.wish(self._wish(facts, image))
        if self._search is None and not self._ahead.looking:
            row.set_line(size_line(facts) if image is not None else SizeLine("no image"))
        if self.mark.diameter_px is not None:
            self._mark()
        self._check_texture(facts, image)

    def _wish(self, facts: SizeFacts, image: Image | None) -> ScaleWish | None:
        """Return what a run would look for, so that it is looked for before; None where it would not, or nobody knows yet."""
        choice, layer = self._view.choice(), self._layer
        idle = self._can_run and not self._busy and self._search is None
        unknown = facts.searches and facts.missing and not (facts.awaited or facts.found or facts.refused)
        roles = registry.find(choice.strategy).roles
        chosen = [self._models.chosen(role) for role in roles]
        segments = "segmenter" in roles and all(one is not None and one.card is not None for one in chosen)
        if not (idle and unknown and segments) or image is None or layer is None or not quick_to_read(image):
            return None
        models = models_of(choice)
        key = uid_of(layer), models, choice.first_axis_channels
        return ScaleWish(layer, models, _search_for(choice, image), key)

    def _mark(self) -> None:
        facts = self.facts
        size = facts.object_px
        on = size is not None and self._layer is not None and self._viewer.dims.ndisplay == 2
        if on and size is not None and self._layer is not None:
            self.mark.show(self._layer, size, proposed=facts.proposed is not None)
        else:
            self.mark.hide()
        self._row.set_shown(on)

    def _leave(self) -> None:
        """Forget what is under way with the image."""
        if self._search is not None:
            self._runner.cancel(self._search)
            self._runner.forget(self._search)
            self._search = None
            self._row.set_searching("")
        self._clear_view()

    def _clear_view(self) -> None:
        """Leave nothing on the canvas."""
        self.drawing.leave()
        self.mark.hide()
        self._row.set_shown(False)

    # What the file says.

    def _on_file_asked(self) -> None:
        """More is known of a layer, probably the chosen one."""
        if self._layer is not None:
            self._known = known_size(self._layer)
            self._put(self._grid)
            self._images.look_again()
            self._view.changed.emit()

    def _check_texture(self, facts: SizeFacts, image: Image | None) -> None:
        """Look, beside the window, whether the texture speaks against the file."""
        modality, key = self._modality(), self._texture_key(facts.pixel_um)
        texture = modality.texture if modality is not None else None
        known = facts.scale == Scale() and not facts.missing
        factor = facts.factor if image is not None and known else None
        if image is None or texture is None or factor is None or key in self._textures:
            return
        self._textures[key] = None
        channel = self._view.choice().settings.channel

        def looked(found: TextureEstimates | None) -> None:
            self._textures[key] = found.middle if found is not None else None
            self._show()

        self._executor.run(lambda: contradiction(image, channel, texture, factor), looked)

    def _texture_key(self, pixel_um: float | None) -> tuple[object, ...]:
        choice = self._view.choice()
        return choice.layer, models_of(choice), choice.first_axis_channels, pixel_um, self._grid

    # What it works with.

    def _modality(self) -> Modality | None:
        """Return what the model expects that sees the image first."""
        entry = self._first()
        return entry.card.source if entry is not None and entry.card is not None else None

    def _first(self) -> ModelEntry | None:
        """Return the model that sees the image first; None where none is chosen, or it is only made in the run."""
        strategy = registry.find(self._view.choice().strategy)
        if strategy.chooses:  # among those for such images, whose grids are alike
            return self._models.chosen("translator") or self._models.chosen("segmenter")
        if not strategy.chosen_see_images or not strategy.roles:
            return None
        return self._models.chosen(strategy.roles[0])

    def _sheet(self) -> Overlay | None:
        if self._overlay is None:
            self._overlay = self._make_overlay()
        return self._overlay

    def _say(self, sentence: str, *, warns: bool = False) -> None:
        if (overlay := self._sheet()) is not None:
            overlay.say(sentence, warns=warns)


def _search_for(choice: LabelChoice, image: Image) -> FindScaleJob:
    models = {role: getattr(choice, role) for role in registry.find(choice.strategy).roles}
    return FindScaleJob(image, settings=choice.settings, **models)
