"""How a self-training is run: label the images, learn what is sure, label them again, and keep a round only if it is better."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card, Measure, Training
from napari_pseudolabel.models.fitting import Link, assumptions, refuse_misfit
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.score_measures import measures_of
from napari_pseudolabel.training.common.training_events import Score, TrainStart
from napari_pseudolabel.training.common.training_record import check_record, today
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import LabelledPlane, Notes
from napari_pseudolabel.training.data.labelled_sets import name_of
from napari_pseudolabel.training.data.textures import with_texture
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.segmenter.fine_tuning import check_patch, origin_of
from napari_pseudolabel.training.self_training.gating import MACHINE, TargetLabels
from napari_pseudolabel.training.self_training.harmonising import Harmoniser, learned_harmoniser
from napari_pseudolabel.training.self_training.neighbours import shares
from napari_pseudolabel.training.self_training.round_training import RoundInput, RoundTraining
from napari_pseudolabel.training.self_training.self_training_task import (
    RESULT,
    SUMMARY,
    Round,
    SelfTrained,
    SelfTrainingTask,
    Verdict,
    judged,
    stalled,
)
from napari_pseudolabel.training.self_training.target_parts import (
    TargetPart,
    labels_of,
    report,
    target_parts,
)
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.wording import some
from napari_pseudolabel.workspace import write_text

_TEACHER, _ROUND, _HARMONISER = "teacher.safetensors", "round.json", "harmoniser.pt"
_COMMAND = "pseudolabel label IMAGES_DIR OUT --strategy self-training"


def self_train(job: SelfTrainingTask, control: Control, models: LoadedModels) -> SelfTrained:
    """Run a self-training; see `SelfTrainingJob.run`."""
    s = job.settings
    start = origin_of(job.segmenter, models, "self-trained")
    assert start.weights is not None, "it starts from a segmenter"
    check_patch(s.patch, start.card)
    chain = (Link.of(models.segmenter(job.segmenter).card, job.segmenter),)
    refuse_misfit(chain, job.modality)
    notes = Notes()
    notes.add(assumptions(chain, job.modality))
    parts = target_parts(job.images, start.card, s.most_parts, s.seed, notes.add)
    known = shares([part.image for part in parts])
    notes.add(_neighbours_told(known))
    sources = labelled_sources(job, start.card, models, control, notes)
    record = {
        "kind": "self-training",
        "settings": s.identity,
        "start": start.card.parent,
        "data": [fingerprint(_arrays(parts)), fingerprint(p.image for p in sources)],
    }
    folders = [job.folder / f"round-{number}" for number in range(1, s.rounds + 1)]
    # These first, because only they have a state by which another training is known.
    for folder in folders:
        check_record(folder, record, (Path(_TEACHER).stem,))
    check_record(job.folder, record, (Path(RESULT).stem,))
    control.emit(TrainStart(0, None, tuple(notes)))
    found = _known(job.folder, tuple(notes)) or _Rounds(
        job, start.card, parts, known, sources, pick_device(s.device), control, notes
    ).run(start.weights, folders)
    control.emit(Verdict(found.sentence))
    return found


def _neighbours_told(known: NDArray[np.float32]) -> tuple[str, ...]:
    """Say that parts have neighbours, where some have."""
    count = int(np.count_nonzero((known > 0).sum(axis=1) > 1))
    if not count:
        return ()
    return (
        f"{count} of {len(known)} parts show nearly the same as another one, as slices of a stack do; each is labelled by what the "
        "segmenter says of it and of those.",
    )


@dataclass(frozen=True, eq=False)
class _Rounds:
    """All that stays the same from round to round; `known` as of `neighbours.shares`."""

    job: SelfTrainingTask
    card: Card
    parts: Sequence[TargetPart]
    known: NDArray[np.float32]
    sources: Sequence[LabelledPlane]
    device: torch.device
    control: Control
    notes: Notes

    def run(self, weights: Mapping[str, Tensor], folders: Sequence[Path]) -> SelfTrained:
        s = self.job.settings
        teacher = _network(self.card, weights)
        start = now = self._labels(teacher, 0)
        rounds = [self._report(0, start, start)]
        self.control.emit(rounds[0])
        harmoniser = self._harmoniser(start)
        for number, folder in enumerate(folders, 1):
            ended = False
            done = _done(folder)
            if done is None:
                learner = self._learner(number, now, teacher, harmoniser)
                ended = learner.complete(folder, self.control.part(f"round {number}"))
                if ended and not learner.step:
                    break
                self.notes.add(learner.notes)
                monai_unet.save(learner.kept, self.card, folder / _TEACHER)
            teacher = monai_unet.loads(Offer(folder / _TEACHER)).network.eval()
            now = self._labels(teacher, number)
            if done is None:
                done = self._report(number, start, now)
                # Comes last: a round with a report is done.
                write_text(folder / _ROUND, json.dumps(asdict(done), indent=1) + "\n")
            rounds.append(done)
            self.control.emit(done)
            if ended or stalled(tuple(rounds), s.patience):
                break
        return self._keep(tuple(rounds), folders)

    def _labels(self, network: nn.Module, number: int) -> list[TargetLabels]:
        segmenter = monai_unet.MonaiSegmenter(self.card, f"round {number}", network.eval())
        stage = self.control.stage("Labelling the images", len(self.parts))
        return labels_of(segmenter, self.parts, self.known, str(self.device), self.control, stage)

    def _report(self, number: int, start: Sequence[TargetLabels], now: Sequence[TargetLabels]) -> Round:
        classes = {one.name: one.value for one in self.card.classes if one.value}
        return report(number, self.parts, start, now, classes, self.job.settings.least_confidence)

    def _harmoniser(self, start: Sequence[TargetLabels]) -> Harmoniser | None:
        """Learn how the part looks that holds most objects, where changed objects are to be redrawn."""
        s = self.job.settings
        if not s.harmonise or s.blending == "off":
            return None
        held = [
            np.count_nonzero(said.labels[part.seen]) for part, said in zip(self.parts, start, strict=True)
        ]
        image = self.parts[int(np.argmax(held))].image
        path = self.job.folder / _HARMONISER
        return learned_harmoniser(image, s.harmonise_steps, s.patch, s.seed, path, self.control)

    def _learner(
        self,
        number: int,
        now: Sequence[TargetLabels],
        teacher: nn.Module,
        harmoniser: Harmoniser | None,
    ) -> RoundTraining:
        least = self.job.settings.least_confidence
        taught = [part.taught(said, least) for part, said in zip(self.parts, now, strict=True)]
        taught = [plane for plane in taught if plane.weight is not None and plane.weight.any()]
        if not taught:
            raise InputError(
                f"The segmenter is nowhere surer than {least:.0%} in these images, so nothing can be learned from its labels; "
                "correct a region, or choose another segmenter."
            )
        return RoundTraining(
            number,
            RoundInput(taught, self.sources),
            self.card,
            self.job.settings,
            device=self.device,
            start=teacher.state_dict(),
            looks=[part.image for part in self.parts],
            harmoniser=harmoniser,
        )

    def _keep(self, rounds: tuple[Round, ...], folders: Sequence[Path]) -> SelfTrained:
        best, sentence = judged(rounds)
        path = self.job.folder / RESULT
        if best:
            network = monai_unet.loads(Offer(folders[best - 1] / _TEACHER)).network
            monai_unet.save(network, self._described(rounds[best]), path, half=True)
        summary = {"rounds": [asdict(one) for one in rounds], "best": best, "sentence": sentence}
        # Comes last: with it, all is done.
        write_text(self.job.folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
        found = _known(self.job.folder, tuple(self.notes))
        assert found is not None, "it was written just now"
        return found

    def _described(self, best: Round) -> Card:
        names = list(dict.fromkeys(part.name for part in self.parts))
        decided = sum(np.count_nonzero(p.decided.touched & ~p.decided.held_out) for p in self.parts)
        corrected = f", and {decided} corrected or confirmed pixels in them" if decided else ""
        learned = f"{len(names)} images without labels ({some(names, 5)}), labelled by itself{corrected}"
        labelled = () if self.job.labelled is None else (name_of(self.job.labelled),)
        if best.score is not None:
            where = f"corrected pixels of {some(names, 5)} that were not learned from, which chose the round"
            quality = measures_of(best.score, where)
        else:
            quality = (
                Measure(
                    metric="Agreement of two looks (no truth)",
                    value=round(best.agreement, 4),
                    data=f"the {len(names)} images that were learned from; says how alike its labels are, not how right",
                    command=_COMMAND,
                ),
            )
        source = self.card.source
        if source is not None:
            bare = source.model_copy(update={"texture": None})
            source = with_texture(bare, [part.image for part in self.parts])
        s = self.job.settings
        return self.card.model_copy(
            update={
                "source": source,
                "description": f"{self.card.description} Self-trained on {len(names)} images without labels.".strip(),
                "training": Training(
                    data=(learned, *labelled),
                    licence=self.card.training.licence,
                    steps=best.number * s.round_steps,
                    seed=s.seed,
                    date=today(),
                    command=_COMMAND,
                ),
                "quality": quality,
                "calibration": None,
            }
        )


def _network(card: Card, weights: Mapping[str, Tensor]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # a network is made to be filled
        network = monai_unet.build(card)
    network.load_state_dict(dict(weights))
    return network.eval()


def labelled_sources(
    job: SelfTrainingTask, card: Card, models: LoadedModels, control: Control, notes: Notes
) -> list[LabelledPlane]:
    """Labelled planes as the segmenter sees them; they weigh as much as what a machine says of the images."""
    if job.labelled is None:
        return []
    translator = models.translator(job.labelled.translator) if job.labelled.translator else None
    links = (
        *((Link.of(translator.card, job.labelled.translator or ""),) if translator else ()),
        Link.of(models.segmenter(job.segmenter).card, job.segmenter),
    )
    refuse_misfit(links)
    notes.add(assumptions(links, image=str(job.labelled.images)))
    adapter = Adapter(
        segmenter=card,
        translator=translator,
        scale=job.labelled.scale,
        samples=1,
        seed=job.settings.seed,
        device=job.settings.device,
        limits=models.limits,
        folder=job.folder / "inputs",
        evaluations="auto",
    )
    planes, told = adapter.labelled(job.labelled, control)
    notes.add(told)
    values = [one.value for one in card.classes]
    found = []
    for plane in planes:
        own = np.ones(plane.labels.shape, np.float32) if plane.weight is None else plane.weight
        own = np.where(np.isin(plane.labels, values), own * MACHINE, np.float32(0))
        found.append(replace(plane, weight=own))
    return found


def _arrays(parts: Sequence[TargetPart]) -> Iterator[Array]:
    for part in parts:
        yield part.image
        yield part.seen
        # Only what is decided: other labels of a layer may change without a new training.
        yield np.where(part.decided.touched, part.decided.truth, np.uint8(0))
        yield part.decided.touched
        yield part.decided.held_out


def _round_of(found: JsonObject) -> Round:
    known = found["score"]
    return Round(**{**found, "score": None if known is None else Score(**known)})


def _done(folder: Path) -> Round | None:
    """Return the report of a round that is done."""
    if not ((folder / _ROUND).is_file() and (folder / _TEACHER).is_file()):
        return None
    try:
        return _round_of(read_json(folder / _ROUND))
    except (ValueError, KeyError, TypeError):
        return None  # damaged: the round is ended again from its state


def _known(folder: Path, notes: tuple[str, ...]) -> SelfTrained | None:
    """Return the result of a self-training that is done."""
    path = folder / RESULT
    try:
        found = read_json(folder / SUMMARY)
        rounds = tuple(map(_round_of, found["rounds"]))
        checkpoint = path.read_bytes() if found["best"] else None
        return SelfTrained(rounds, found["best"], checkpoint, found["sentence"], path, notes)
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None
