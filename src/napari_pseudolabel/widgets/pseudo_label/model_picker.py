"""The two model lists of the dock: found, opened, looked into, proposed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.models.families import suffixes
from napari_pseudolabel.models.fitting import ANOTHER, ANY, same_modality
from napari_pseudolabel.models.plain_curves import is_plain
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.choice.ways import LabelWay
from napari_pseudolabel.strategies.model_speed import ModelSpeed, SpeedJob
from napari_pseudolabel.strategies.survey import SurveyJob
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.catalogue import Catalogue, Way
from napari_pseudolabel.widgets.pseudo_label.label_choice import Kind, LabelChoice, ModelEntry, ShownModality
from napari_pseudolabel.widgets.pseudo_label.label_jobs import (
    FindDevices,
    FindModels,
    InspectModel,
)
from napari_pseudolabel.widgets.pseudo_label.label_sentences import misfits
from napari_pseudolabel.widgets.pseudo_label.start_up import Models, StartUp
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari_pseudolabel.imaging import Image

_KINDS: tuple[Kind, Kind] = ("translator", "segmenter")


class ModelPicker(QObject):
    """Keeps the lists of models in the view; the files themselves are read by jobs.

    Attributes
    ----------
    loading
        True until any named models are listed.
    has_gpu
        Whether this machine has more than its CPU.
    changed
        Emitted when lists or proposals changed without the person.
    """

    changed = Signal()

    def __init__(self, view: PseudoLabelView, runner: JobRunner, recent: RecentChoices) -> None:
        super().__init__()
        self.loading = True
        self.has_gpu = False
        self._view = view
        self._runner = runner
        self._remembered = recent
        self._catalogue = Catalogue(recent)
        self._refs: dict[Kind, str | None] = {"translator": None, "segmenter": None}
        self._shown: Callable[[], ShownModality] = ShownModality
        self._alone = False
        self._executor = SerialExecutor()
        self._proposed: str | None = None
        self._inspecting: set[tuple[Kind, str]] = set()
        self._strategy = self._begun_with = view.choice().strategy
        self._chosen: dict[tuple[str, bool], Way] = {}
        self._measured: dict[Models, ModelSpeed | None] = {}
        self._start_up = StartUp(recent)

    def chosen(self, kind: Kind) -> ModelEntry | None:
        """Return what is known about the model that is chosen."""
        return self._catalogue.get(kind, self._refs[kind])

    def modalities(self) -> list[str]:
        """Modalities that some model takes or makes, each once."""
        entries = [entry for kind in _KINDS for entry in self._catalogue.of(kind)]
        found: list[str] = []
        for name in (name for model_entry in entries for name in (model_entry.source, model_entry.target)):
            if name and name != ANY and not any(same_modality(name, other) for other in found):
                found.append(name)
        return sorted(found, key=str.lower)

    def takes(self, modality: str) -> bool:
        """Whether some model is made for such images, as far as is known of it; of what nobody knows, some may be."""
        entries = (entry for kind in _KINDS for entry in self._catalogue.of(kind))
        return not modality or any(
            entry.source not in ("", ANY) and same_modality(entry.source, modality) for entry in entries
        )

    def misfits(self, choice: LabelChoice, image: Image | None) -> dict[str, str]:
        """Return what is said under which model, because it does not fit an image or the model before."""
        strategy = registry.find(choice.strategy)
        if image is None or strategy.preparation is not None:
            return {}  # what is prepared says itself what does not fit
        met = [self.chosen(role) for role in strategy.roles]
        return misfits(met, self._shown().modality, image.name, image.channels)

    def find(self, shown: Callable[[], ShownModality]) -> None:
        """List the named models and propose some for what an image shows, asked for then.

        Those that come with the package are listed at once, those of the person when a worker has looked at them.
        """
        self.loading = True
        self._shown = shown
        self._executor.run(label_jobs.bundled, self._on_bundled)
        # The files are here, the devices where the workers are.
        self._runner.submit(FindModels(), "local", finished=self._on_found, failed=self._on_not_found)
        self._runner.submit(FindDevices(), finished=self._on_devices)

    def stop(self) -> None:
        """Drop what is being listed."""
        self._executor.shutdown()

    def on_choice(self, choice: LabelChoice) -> None:
        """Follow the person, who may have chosen other models."""
        refs = {"translator": choice.translator, "segmenter": choice.segmenter}
        persons = choice.strategy != self._strategy or refs != self._refs
        self._strategy = choice.strategy
        alone = not registry.find(choice.strategy).takes("translator")
        other = choice.translator != self._refs["translator"] or alone != self._alone
        self._alone = alone
        self._refs = {"translator": choice.translator, "segmenter": choice.segmenter}
        if other:
            self._match_segmenter(kept=not alone)
        if persons:
            self._keep_choice()
            self._prepare(Way(self._strategy, None if alone else choice.translator, choice.segmenter))
        for kind in _KINDS:
            self._look_into(kind)

    def propose_for(self, shown: ShownModality) -> None:
        """Another image is chosen: propose what is best for it, or keep what the person chose for such images."""
        if self.loading or self._take_way(shown):
            return
        # The strategy was proposed, or chosen, for other images.
        self._strategy, self._alone = self._begun_with, False
        self._view.choose_strategy(self._strategy)
        now = self.chosen("translator")
        # What was chosen for other images tells nothing about one that nobody knows.
        known = bool(shown.modality)
        if now is not None and known and shown.fits(now):
            return
        self._choose("translator", self._catalogue.propose("translator", shown=shown))
        self._match_segmenter(kept=known)
        self._try_all_if_unclear()

    def _try_all_if_unclear(self) -> None:
        """Where nothing says which models fit an image, propose to find out."""
        image = self._view.choice().layer
        if image is not None and self._strategy == self._begun_with and self._refs["translator"] is None:
            self._strategy, self._alone = AUTO.name, True
            self._view.choose_strategy(AUTO.name)

    def candidates(self) -> list[Candidate]:
        """Return all models whose cards are known, in the order of the lists; for colours of an unknown kind those of stains."""
        shown = self._shown()
        entries = [entry for kind in _KINDS for entry in self._catalogue.of(kind) if entry.problem is None]
        if shown.colours and not shown.modality:
            entries = [entry for entry in entries if shown.fits(entry)]
        # What stands in the place of one of them is no model of its own.
        return [
            Candidate(one.ref, one.card) for one in entries if one.card is not None and not is_plain(one.ref)
        ]

    def take(self, way: LabelWay, reason: str, *, warns: bool) -> None:
        """Choose a way that was tried; models that nobody listed (an inversion) are listed now.

        Parameters
        ----------
        warns
            What is said of it is for caution.
        """
        cards = {"translator": way.translator_card, "segmenter": way.segmenter_card}
        for kind, ref in zip(_KINDS, (way.translator, way.segmenter), strict=True):
            if way.judged and ref is not None and self._catalogue.get(kind, ref) is None:
                card = cards[kind]
                self._catalogue.add(ModelEntry(ref, card.name if card else ref, kind, card))
        self._strategy, self._alone = way.strategy, way.translator is None
        if registry.find(way.strategy).roles:
            self._choose("translator", way.translator or self._refs["translator"])
            self._choose("segmenter", way.segmenter)
        self._view.choose_strategy(way.strategy)
        if self._shown().modality not in ("", ANOTHER):  # of those each may need another
            self._keep_choice()
        self._view.set_reason(reason, warns=warns)

    def note_run(self, choice: LabelChoice, shown: ShownModality) -> None:
        """Take note of what the person has labelled with, for the next image; what a sample was labelled with is no habit."""
        strategy = registry.find(choice.strategy)
        if strategy.preparation is not None or shown.sample:
            return
        translator = choice.translator if strategy.takes("translator") else None
        way = Way(strategy.name, translator, choice.segmenter if strategy.takes("segmenter") else None)
        if way.complete:
            self._catalogue.note_used(shown.modality, way)
            for kind, ref in way.models:
                self._remembered.remember(kind, ref)

    def _keep_choice(self) -> None:
        """Note that the person has chosen, for as long as the dock lives and such images are labelled."""
        refs = self._refs
        self._chosen[self._shown().kind] = Way(self._strategy, refs["translator"], refs["segmenter"])
        self._view.set_reason("")

    def _take_way(self, shown: ShownModality) -> bool:
        """Choose how images of a modality are labelled: as the person has chosen for such images, else as is proposed."""
        chosen = self._chosen.get(shown.kind)
        way = chosen or self._catalogue.way(shown.modality, sample=shown.sample)
        if way is None:
            self._view.set_reason("")
            return False
        # The translator also where none is needed: the person may want to see what it makes.
        translator = way.translator
        if translator is None and chosen is None:
            translator = self._catalogue.propose("translator", shown=shown)
        self._choose("translator", translator)
        self._choose("segmenter", way.segmenter)
        self._strategy = way.strategy
        self._alone = not registry.find(way.strategy).takes("translator")
        if way.segmenter is None:  # it takes none, what a person chooses next may
            self._match_segmenter()
        self._view.choose_strategy(way.strategy)
        self._view.set_reason(way.reason)
        if chosen is None:
            self._prepare(way)
        return True

    @property
    def speed(self) -> ModelSpeed | None:
        """How fast the chosen models are on the machine that will run them; None while that is not known."""
        return self._measured.get(self._used)

    @property
    def seconds_to_begin(self) -> float:
        """In about how many seconds the chosen models can begin; 0 where a worker has loaded them."""
        return self._start_up.left(self._used)

    @property
    def _used(self) -> Models:
        """Those of the chosen models that the chosen strategy takes."""
        alone = self._alone or not registry.find(self._strategy).takes("translator")
        return None if alone else self._refs["translator"], self._refs["segmenter"]

    def _prepare(self, way: Way) -> None:
        """Load models ahead and measure how fast they are, once; what is wrong with them is said by the run."""
        pair, strategy = (way.translator, way.segmenter), registry.find(way.strategy)
        labels = way.complete and strategy.preparation is None and strategy.roles
        # What would be proposed is among what is tried, and a worker has to start for all of it.
        if pair in self._measured or not (labels or (strategy.chooses and way.segmenter)):
            return
        self._measured[pair] = None
        self._start_up.begin(pair)

        def measured(found: ModelSpeed) -> None:
            self._measured[pair] = found
            self._start_up.end(pair, found.measuring)
            self.changed.emit()

        self._runner.submit(SpeedJob(SurveyJob(*pair)), finished=measured)

    def entry(self, kind: Kind, ref: str | None) -> ModelEntry | None:
        """Return what is known about a model, None if there is no such."""
        return self._catalogue.get(kind, ref)

    def offered(self, kind: Kind) -> Sequence[ModelEntry]:
        """All models of a kind."""
        return self._catalogue.of(kind)

    def browse(self, kind: Kind, folder: bool) -> None:
        """Let the person choose a file or folder."""
        path = self.ask(kind, folder=folder)
        if path:
            self.open(kind, path)

    def ask(self, kind: Kind, *, folder: bool) -> str:
        """Ask for a file or folder; empty if the person wants none."""
        key = f"folder of {kind}"
        start = self._remembered.last(key) or str(Path.home())
        if folder:
            path = QFileDialog.getExistingDirectory(self._view, f"Choose the folder of a {kind}", start)
        else:
            files = " ".join(f"*{suffix}" for suffix in suffixes(kind))
            kinds = f"Checkpoints ({files});;All files (*)"
            path, _ = QFileDialog.getOpenFileName(self._view, f"Choose a {kind}", start, kinds)
        if path:
            self._remembered.remember(key, str(Path(path).parent))
        return str(path)

    def add(self, kind: Kind, path: str) -> None:
        """List the model in a file or folder."""
        self._catalogue.add(ModelEntry(path, Path(path).name, kind))

    def open(self, kind: Kind, path: str) -> None:
        """Add the model in a file or folder and choose it."""
        self.add(kind, path)
        self._choose(kind, path)
        self._keep_choice()
        self.changed.emit()

    def _choose(self, kind: Kind, ref: str | None) -> None:
        self._refs[kind] = ref
        self._view.set_models(kind, self._catalogue.of(kind), ref)
        self._look_into(kind)

    def _match_segmenter(self, *, kept: bool = True) -> None:
        """Keep the segmenter if it fits what it is given, the translation or the image, else propose one.

        Parameters
        ----------
        kept
            False for one that was chosen for translations: it stays only if it is known to fit the image.
        """
        translator, segmenter = self.chosen("translator"), self.chosen("segmenter")
        given = self._shown() if self._alone else ShownModality(translator.target if translator else "")
        sure = kept or bool(given.modality)
        if segmenter is None or not (sure and given.fits(segmenter)):
            self._choose("segmenter", self._catalogue.propose("segmenter", shown=given, last=not self._alone))

    def _look_into(self, kind: Kind) -> None:
        """Show what is known about the chosen model; find it out if it is only a path yet."""
        entry = self.chosen(kind)
        self._view.show_model(kind, entry)
        if kind == "translator":
            self._view.picture.set_modalities(entry.source if entry else "", entry.target if entry else "")
        self.look_into(kind, self._refs[kind])

    def look_into(self, kind: Kind, ref: str | None) -> None:
        """Find out what a model is that is only a path yet; `changed` follows."""
        entry = self._catalogue.get(kind, ref)
        if entry is None or entry.card is not None or entry.problem is not None:
            return
        if (kind, entry.ref) not in self._inspecting:
            self._inspecting.add((kind, entry.ref))
            self._runner.submit(
                InspectModel(entry.ref, kind),
                "local",
                finished=partial(self._on_inspected, kind, entry.ref),
                failed=partial(self._on_not_inspected, kind, entry.ref),
            )

    def _on_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        self._view.set_devices(devices)
        self.has_gpu = any(name not in ("auto", "cpu") for name, _ in devices)

    def _on_inspected(self, kind: Kind, ref: str, found: ModelEntry) -> None:
        self._inspecting.discard((kind, ref))
        self._catalogue.add(found)
        if found.problem is None:
            self._remembered.add_recent(kind, ref)
        self._choose(kind, self._refs[kind])
        if kind == "translator":
            self._match_segmenter()
        self.changed.emit()

    def _on_not_inspected(self, kind: Kind, ref: str, failure: Failure) -> None:
        self._inspecting.discard((kind, ref))
        self._catalogue.add(ModelEntry(ref, Path(ref).name, kind, problem=failure.sentence))
        self._look_into(kind)
        self.changed.emit()

    def _on_not_found(self, failure: Failure) -> None:
        self.loading = False
        self._view.error.show_error(failure.sentence, failure.details)
        self.changed.emit()

    def _on_bundled(self, found: Sequence[ModelEntry]) -> None:
        if found and self.loading:
            self._on_found(found)

    def _on_found(self, found: Sequence[ModelEntry]) -> None:
        self.loading = False
        self._catalogue.put_first(found)
        if self._take_way(self._shown()):
            self.changed.emit()
            return
        # What the person has chosen meanwhile stays.
        if self._refs["translator"] in (None, self._proposed):
            self._proposed = self._catalogue.propose("translator", shown=self._shown())
            self._refs["translator"] = self._proposed
        self._choose("translator", self._refs["translator"])
        self._choose("segmenter", self._refs["segmenter"])
        self._match_segmenter()
        self._try_all_if_unclear()
        self.changed.emit()
