"""What the Models dock does; how it looks is in the view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QFile, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox
from typing_extensions import override

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.families import suffixes
from napari_pseudolabel.models.inspection import Inspection
from napari_pseudolabel.models.inspection_lines import lines_of
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.widgets.common import preferences
from napari_pseudolabel.widgets.common.dock_controller import DockController
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.progress_words import progress_text
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.common.small_widgets import tip
from napari_pseudolabel.widgets.models import model_sentences
from napari_pseudolabel.widgets.models.models_jobs import (
    AddModel,
    GetModel,
    ListedModel,
    ListModels,
    ListZoo,
    LookIntoModel,
    PackModel,
    belongings,
    facts_of,
    listed_by,
)
from napari_pseudolabel.widgets.models.view import ModelsView

if TYPE_CHECKING:
    from napari.components import ViewerModel

_FOLDER = "folder of models"


class ModelsController(DockController):
    """Lists models, adds and removes them, and says what is known of one."""

    view: ModelsView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: ModelsView,
        session: Session,
        *,
        runner: JobRunner,
        recent: RecentChoices,
    ) -> None:
        super().__init__(viewer, view, runner)
        self._session, self._remembered = session, recent
        self._found: tuple[ListedModel, ...] = ()
        self._elsewhere: tuple[ListedModel, ...] = ()
        self._known: dict[str, str] = {}
        self._adding: int | None = None
        view.workers.follow(session)
        view.chosen.connect(self._on_chosen)
        view.kind_changed.connect(self._show)
        view.add_button.clicked.connect(self._browse_file)
        view.add_folder_button.clicked.connect(self._browse_folder)
        view.get_button.clicked.connect(self.get)
        view.reveal_button.clicked.connect(self._reveal)
        view.remove_button.clicked.connect(self.remove)
        view.pack_button.clicked.connect(self._browse_package)
        view.cancel_button.clicked.connect(self._cancel)
        view.missing.answered.connect(self._on_answered)

    @property
    @override
    def doing(self) -> str:
        return "Adding a model" if self._adding is not None else ""

    @override
    def opened(self) -> None:
        self._executor.run(_bundled, self._on_listed, self.show_failure)
        self.refresh()

    @override
    def closed(self) -> None:
        self._adding = None

    def refresh(self) -> None:
        """List the models again."""
        self._runner.submit(ListModels(), "local", finished=self._on_listed, failed=self.show_failure)
        zoo = ListZoo(preferences.zoo_files())
        self._runner.submit(zoo, "local", finished=self._on_elsewhere, failed=self.show_failure)

    def add(self, path: str, answers: JsonObject | None = None) -> None:
        """Add the model in a file or folder; asks for what it does not say."""
        self._begin("Looking into the file …")
        if answers is None:
            self._adding = self._runner.submit(
                LookIntoModel(path), "local", finished=self._on_looked, failed=self._on_failed
            )
            return
        self._adding = self._runner.submit(
            AddModel(path, answers),
            "local",
            progressed=self._on_progress,
            finished=self._on_added,
            failed=self._on_failed,
        )

    def get(self) -> None:
        """Download the chosen model of a zoo."""
        model = self._chosen()
        if model is None or model.zoo is None:
            return
        self._begin("Downloading …")
        self._adding = self._runner.submit(
            GetModel(model.zoo),
            "local",
            progressed=self._on_progress,
            finished=self._on_added,
            failed=self._on_failed,
        )

    def remove(self) -> None:
        """Move the chosen model to the trash, if the person says so."""
        model = self._chosen()
        if model is None or not model.own:
            return
        question = tip(model_sentences.removing(model))
        if QMessageBox.question(self.view, "Remove model", question) != QMessageBox.StandardButton.Yes:
            return
        self.view.error.clear()

        def done(_: None) -> None:
            self.view.set_status(f"{model.path.name} is in the trash.")
            self._session.models_added.emit()
            self.refresh()

        self._executor.run(lambda: _to_trash(model.path), done, self.show_failure)

    def pack(self, path: str, author: str) -> None:
        """Write the chosen model as a package; `author` may be empty where its card says who made it."""
        model = self._chosen()
        if model is None:
            return
        self._begin("Packing the model …")

        def done(notes: tuple[str, ...]) -> None:
            self._end()
            self.view.set_status(" ".join([f"Written to {path}.", *notes]))

        self._adding = self._runner.submit(
            PackModel(str(model.path), path, author),
            "local",
            progressed=self._on_progress,
            finished=done,
            failed=self._on_failed,
        )

    def _on_listed(self, found: tuple[ListedModel, ...]) -> None:
        if len(found) < len(self._found) and all(not one.own for one in found):
            return  # the quick list, which came late
        self._found = found
        self._show()

    def _on_elsewhere(self, found: tuple[ListedModel, ...]) -> None:
        self._elsewhere = found
        self._show()

    def _show(self) -> None:
        listed = (*self._found, *self._elsewhere)
        self.view.set_models(listed_by(str(self.view.kinds.value), listed), self.view.selected)

    def _on_chosen(self) -> None:
        model = self._chosen()
        self.view.remove_button.setEnabled(model is not None and model.own)
        self.view.reveal_button.setEnabled(model is not None and model.here)
        self.view.get_button.setVisible(model is not None and not model.here)
        problem = "No model is chosen." if model is None else model_sentences.not_packed(model)
        self.view.pack_button.setEnabled(not problem and self._adding is None)
        self.view.pack_button.setToolTip(tip(problem or model_sentences.PACKING))
        if model is None:
            self.view.show_details("")
            return
        if model.zoo is not None:
            self.view.show_details(model_sentences.elsewhere(model.zoo))
            return
        self.view.show_details(self._known.get(model.ref) or _at_once(model))
        if model.ref not in self._known:
            ref = model.ref
            self._runner.submit(
                LookIntoModel(str(model.path)),
                "local",
                finished=lambda found: self._on_known(ref, found),
                failed=self.show_failure,
            )

    def _on_known(self, ref: str, found: Inspection) -> None:
        self._known[ref] = _told(found)
        if self.view.selected == ref:
            self.view.show_details(self._known[ref])

    def _on_looked(self, found: Inspection) -> None:
        if found.usable:
            self.add(found.path, {})
            return
        self._end()
        if found.card is not None and {"classes", "normalisation"} & set(found.missing):
            self.view.missing.ask(found)
        else:
            self.view.error.show_error(found.problem or f"{found.path} cannot be used.", "")

    def _on_answered(self) -> None:
        form = self.view.missing
        self.add(form.path, form.answers())

    def _on_progress(self, progress: Progress) -> None:
        self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_added(self, ref: str) -> None:
        self._end()
        self.view.set_status(model_sentences.added(ref))
        self._session.models_added.emit()
        self.refresh()

    def _on_failed(self, failure: Failure) -> None:
        self._end()
        if failure.cancelled:
            self.view.set_status("Cancelled; nothing was written.")
        else:
            self.show_failure(failure)

    def _begin(self, what: str) -> None:
        self.view.error.clear()
        self.view.missing.clear()
        self.view.set_working(True)
        self.view.set_progress(what)
        self._set_adding(True)

    def _end(self) -> None:
        self._adding = None
        self.view.set_working(False)
        self._set_adding(False)

    def _set_adding(self, on: bool) -> None:
        for one in (self.view.add_button, self.view.add_folder_button, self.view.get_button):
            one.setEnabled(not on)
        model = self._chosen()
        packable = model is not None and not model_sentences.not_packed(model)
        self.view.pack_button.setEnabled(packable and not on)

    def _cancel(self) -> None:
        if self._adding is not None:
            self._runner.cancel(self._adding)

    def _chosen(self) -> ListedModel | None:
        listed = (*self._found, *self._elsewhere)
        return next((one for one in listed if one.ref == self.view.selected), None)

    def _browse_file(self) -> None:
        files = " ".join(f"*{suffix}" for suffix in suffixes())
        kinds = f"Models ({files});;All files (*)"
        path, _ = QFileDialog.getOpenFileName(self.view, "Choose a model", self._start(), kinds)
        self._take(path)

    def _browse_folder(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self.view, "Choose the folder of a model", self._start()))

    def _browse_package(self) -> None:
        model = self._chosen()
        if model is None or model.card is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self.view,
            "Export as a package",
            str(Path(self._start()) / f"{model.path.stem}.zip"),
            "Packages (*.zip)",
        )
        if not path:
            return
        author, told = "", bool(model.card.authors)
        if not told:
            author, told = QInputDialog.getText(self.view, "Export as a package", "Who made this model?")
        if told:
            # With another name than was chosen it could replace a file that nobody was asked about.
            self.pack(path, author.strip())

    def _start(self) -> str:
        return self._remembered.last(_FOLDER) or str(Path.home())

    def _take(self, path: str) -> None:
        if path:
            self._remembered.remember(_FOLDER, str(Path(path).parent))
            self.add(path)

    def _reveal(self) -> None:
        model = self._chosen()
        if model is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.path.parent)))


def _bundled() -> tuple[ListedModel, ...]:
    """List the models that come with the plugin, which takes milliseconds."""
    from napari_pseudolabel.models import bundled_checkpoints

    return tuple(map(facts_of, bundled_checkpoints()))


def _at_once(model: ListedModel) -> str:
    """Return what is known without looking into the file."""
    card = model.card
    return _told(Inspection(path=str(model.path), what="model", problem=model.problem or None, card=card))


def _told(found: Inspection) -> str:
    """Return all that was found out, where it lies at the end: paths are long."""
    _, *more = lines_of(found)
    return "\n".join(
        [*([found.problem] if found.problem else ()), *(line.strip() for line in more), found.path]
    )


def _to_trash(path: Path) -> None:
    """Move a model and its card to the trash, the card last."""
    for one in list(belongings(path)):
        found = QFile.moveToTrash(str(one))
        if not (found[0] if isinstance(found, tuple) else found):
            raise InputError(f"{one} cannot be moved to the trash; remove it in the file manager.")
