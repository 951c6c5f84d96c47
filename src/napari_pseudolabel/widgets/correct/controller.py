"""What the Correct dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from typing_extensions import override

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_controller import DockController, Key
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.correct.applying import Applying
from napari_pseudolabel.widgets.correct.class_list import ClassList
from napari_pseudolabel.widgets.correct.clicking import NAME as SMART_FILL
from napari_pseudolabel.widgets.correct.clicking import Clicking
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.drawing import Drawing
from napari_pseudolabel.widgets.correct.focus import ObjectFocus
from napari_pseudolabel.widgets.correct.gaps import Gaps
from napari_pseudolabel.widgets.correct.labels_picker import NO_LABELS, RESHAPED, LabelsPicker
from napari_pseudolabel.widgets.correct.layer_visibility import LayerVisibility
from napari_pseudolabel.widgets.correct.network_clicks import NetworkClicks
from napari_pseudolabel.widgets.correct.objects_view import ObjectsView
from napari_pseudolabel.widgets.correct.predicting import Predicting
from napari_pseudolabel.widgets.correct.region_names import RegionNames
from napari_pseudolabel.widgets.correct.smart_filling import SmartFilling
from napari_pseudolabel.widgets.correct.tool_table import TOOLS
from napari_pseudolabel.widgets.correct.tools import Toolbox
from napari_pseudolabel.widgets.correct.view import CorrectView, Held
from napari_pseudolabel.widgets.correct.view_confirmation import ViewConfirmation

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class CorrectController(DockController):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer
        The viewer whose labels are corrected.
    view
        The widgets.
    session
        What the docks of the viewer share.
    runner
        Runs the jobs of this dock.
    canvas_px
        Says height and width of the canvas, None if unknown.
    make_overlay
        Makes what is drawn over the canvas; None as long as there is no canvas.

    Attributes
    ----------
    context
        What the parts work with; for parts that are added, see `add`.
    """

    view: CorrectView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: CorrectView,
        *,
        session: Session,
        runner: JobRunner,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
        make_overlay: Callable[[], Overlay | None] = lambda: None,
    ) -> None:
        super().__init__(viewer, view, runner)
        self._make_overlay = make_overlay
        self.layers = LabelsPicker(viewer, view.labels, view.image, canvas_px)
        self.context = CorrectContext(
            viewer, view, session, runner, self._executor, self.layers, self.show_failure, canvas_px
        )
        self.classes = ClassList(self.context)
        self.focus = ObjectFocus(self.context)
        self.drawing = Drawing(self.context)
        self.visibility = LayerVisibility(self.context)
        self.objects = ObjectsView(self.context)
        self.confirming = ViewConfirmation(self.context)
        self.applying = Applying(self.context)
        self.toolbox = Toolbox(self.context, self.applying, self.focus, self.drawing, self.visibility)
        self.network = NetworkClicks(self.context)
        self.clicking = Clicking(self.context, self.applying, self.toolbox, self.network)
        self.smart = SmartFilling(self.context, self.applying, self.toolbox, self.clicking)
        self.predicting = Predicting(self.context, self.visibility)
        self.gaps = Gaps(self.context)
        self.names = RegionNames(self.context)
        self._parts: list[Part] = [
            self.drawing,
            self.applying,
            self.visibility,
            self.predicting,
            self.classes,
            self.focus,
            self.objects,
            self.confirming,
            self.network,
            self.clicking,
            self.smart,
            self.gaps,
            self.names,
        ]
        self._added: list[Key] = []
        self._connect()

    @property
    @override
    def doing(self) -> str:
        return self.predicting.doing

    @property
    def settled(self) -> bool:
        """Whether nothing is being computed beside the window."""
        return super().settled and self.objects.settled and self.confirming.settled and self.names.settled

    def add(self, part: Part, keys: Sequence[Key] = ()) -> None:
        """Add a part that follows the labels, such as the review queue, and its keys; before `start`."""
        self._parts.append(part)
        self._added += keys

    # Life.

    @override
    def opened(self) -> None:
        held: tuple[tuple[str, Held], ...] = (
            (shortcuts.HOLD_IMAGE, "image"),
            (shortcuts.HOLD_TRANSLATION, "translation"),
        )
        for key, what in held:
            press, release = partial(self._hold, what, True), partial(self._hold, what, False)
            self._keys.callback(shortcuts.bind_held(self.viewer, key, press, release))
        self.layers.start()
        self.layers.fill(self.viewer.layers.selection.active)
        self._on_labels()

    def place(self) -> None:
        """Place the sheet: the dock is in a window now, so that there is a canvas to draw over."""
        if self._active and self.context.overlay is None:
            self.context.overlay = self._make_overlay()
            self.focus.draw()
            self.gaps.refresh()

    @override
    def closed(self) -> None:
        # First: what one part does at its end, such as showing the labels again, would wake up those that have stopped.
        self.context.events.follow(None)
        for part in self._parts:
            part.stop()
        self.layers.stop()
        overlay, self.context.overlay = self.context.overlay, None
        if overlay is not None:
            overlay.end()

    def _connect(self) -> None:
        view = self.view
        view.tools.pressed.connect(self.use)
        view.mode_toggled.connect(self._on_mode)
        view.held.connect(self._hold)
        view.candidate.clicked.connect(lambda: self._try(self.visibility.next))
        view.focus.clicked.connect(self._toggle_focus)
        view.confirm.clicked.connect(self.confirming.confirm)
        view.take_back.clicked.connect(self.confirming.take_back)
        view.rest.clicked.connect(self.confirming.confirm_rest)
        view.cancel_button.clicked.connect(self.predicting.cancel)
        view.again.pressed.connect(lambda: self.predicting.run("predict_again"))
        view.again_fold.toggled.connect(lambda _: self.predicting.find_models())
        self.layers.changed.connect(self._on_labels)
        self.layers.ambiguous.connect(view.image_row.setVisible)
        self.context.events.drawn.connect(self.context.forget_undone)
        self.context.events.replaced.connect(self.layers.on_replaced)
        self.layers.replaced.connect(lambda reshaped: view.set_hint(RESHAPED) if reshaped else None)
        self.drawing.changed.connect(self._on_under_way)
        self.applying.changed.connect(self._on_under_way)
        self.clicking.changed.connect(self._on_under_way)
        self.visibility.changed.connect(self._on_mode)
        self.predicting.changed.connect(self._on_predicting)
        self.viewer.dims.events.current_step.connect(self._on_plane)
        self.viewer.dims.events.ndisplay.connect(self._on_plane)

    @override
    def keys(self) -> list[Key]:
        tools = [(tool.key, lambda name=tool.name: self.use(name)) for tool in TOOLS]
        return [
            *tools,
            *self.classes.actions(),
            (shortcuts.OBJECTS, self._toggle_mode),
            (shortcuts.FOCUS, self._toggle_focus),
            (shortcuts.NAME_REGIONS, self.names.toggle),
            (shortcuts.NEXT_CANDIDATE, lambda: self._try(self.visibility.next)),
            (shortcuts.CONFIRM, self.confirming.confirm),
            (shortcuts.UNCONFIRM, self.confirming.take_back),
            *self._added,
        ]

    # What the person does.

    def use(self, tool: str) -> None:
        """Use a tool by its name."""
        if tool != SMART_FILL:
            self.clicking.leave()
        if tool == SMART_FILL:
            self.smart.run()
        elif self.predicting.knows(tool):
            self.predicting.run(tool)
        else:
            self.toolbox.run(tool)
        # A click on a button must not leave it pressed where the tool could not begin.
        self._on_under_way()

    def _toggle_mode(self) -> None:
        self.view.set_mode("classes" if self.view.mode == "objects" else "objects")

    def _toggle_focus(self) -> None:
        self._try(self.focus.toggle)
        # The button shows whether there is a focus, which a click alone does not tell.
        self.view.focus.setChecked(self.focus.held is not None)

    def _hold(self, held: Held, on: bool) -> None:
        if on:
            self._try(lambda: self.visibility.hold(held))
        else:
            self.visibility.release()

    def _try(self, action: Callable[[], None]) -> None:
        with self.context.refusing():
            action()

    # What the viewer tells.

    @override
    def activated(self, layer: Layer | None) -> None:
        if layer is not None:
            self.layers.fill(layer)

    def _on_labels(self) -> None:
        if not self._active:
            return
        labels = self.layers.labels
        self.context.events.follow(labels)
        for part in self._parts:
            part.follow(labels)
        self.view.error.clear()
        self.view.set_status("")
        self.view.set_hint(NO_LABELS if labels is None else "")
        self.view.set_editable(labels is not None)

    def _on_plane(self, event: object = None) -> None:
        if self._active:
            self.visibility.refresh()
            self.focus.draw()
            self.objects.refresh()
            self.gaps.refresh()
            self.clicking.on_plane()

    def _on_mode(self, mode: str = "") -> None:
        # Objects would lie over the candidate.
        self.objects.set_on(self._active and self.view.mode == "objects" and self.visibility.shown is None)
        self.focus.draw()

    def _on_under_way(self, tool: str = "") -> None:
        under_way = {self.drawing.tool, self.applying.tool, SMART_FILL if self.clicking.on else ""}
        for name in ("split", SMART_FILL, "remove_small"):
            self.view.tools.set_under_way(name, name in under_way)

    def _on_predicting(self) -> None:
        for name in ("predict_again", "source_only"):
            self.view.tools.buttons[name].setEnabled(not self.predicting.busy)
        self.view.again.button.setEnabled(not self.predicting.busy)
