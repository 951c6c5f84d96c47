"""One translator training from patches to checkpoints: what the shell command and the job in the background share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Measure, Modality, Training
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.syndiff import SynDiffTranslator
from napari_pseudolabel.training.common.ranks import Ranks
from napari_pseudolabel.training.common.training_events import TrainStart
from napari_pseudolabel.training.common.training_record import STATE, check_record, today
from napari_pseudolabel.training.data.folder_names import slugs_apart
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.data.textures import with_texture
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
from napari_pseudolabel.training.translator.syndiff_training import Ended, SynDiffTraining
from napari_pseudolabel.training.translator.translator_monitor import Best, TranslatorMonitor
from napari_pseudolabel.types import JsonObject

_SMALLEST_PATCH = 32
_LONGEST_WARM_UP = 200


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """Trained translators of both directions to go on from.

    Attributes
    ----------
    weights
        Of the generator that makes the source modality, and of that which makes the target modality.
    generator
        The architecture of both.
    modalities
        Source and target, as their cards say; None where they do not.
    parents
        SHA-256 of their files, in the order of `weights`.
    notes
        Sentences for the person.
    """

    weights: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
    generator: GeneratorConfig
    modalities: tuple[Modality | None, Modality | None]
    parents: tuple[str, str]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, source_to_target: Translator, target_to_source: Translator) -> StartingPoint:
        """Take the weights of two loaded translators.

        Raises
        ------
        InputError
            If one is no diffusive SynDiff generator, or they are no two directions of the same training.
        """
        pair = [_generator_of(translator) for translator in (target_to_source, source_to_target)]
        configs = [translator.network.config for translator in pair]
        if configs[0] != configs[1]:
            raise InputError(
                "The two translators have networks of different size, so they are no two directions of one training; "
                "choose a pair that was trained together."
            )
        cards = target_to_source.card, source_to_target.card
        ends = [(card.source and card.source.name, card.target and card.target.name) for card in cards]
        if all(ends[0]) and ends[0] == ends[1]:
            raise InputError(
                f"Both translators turn {ends[0][0]} into {ends[0][1]}; one must go the other way round."
            )
        notes = []
        if all(ends[0]) and all(ends[1]) and ends[0] != ends[1][::-1]:
            notes.append(
                f"One translator turns {ends[1][0]} into {ends[1][1]}, the other {ends[0][0]} into {ends[0][1]}; "
                "they are taken as the two directions of one training."
            )
        return cls(
            weights=(pair[0].network.state_dict(), pair[1].network.state_dict()),
            generator=configs[0],
            modalities=(source_to_target.card.source, source_to_target.card.target),
            parents=(pair[0].sha256, pair[1].sha256),
            notes=tuple(notes),
        )


def _generator_of(translator: Translator) -> SynDiffTranslator:
    if not isinstance(translator, SynDiffTranslator):
        raise InputError(
            f"“{translator.card.name}” is no SynDiff translator, and only those can be trained further; choose another."
        )
    return translator


def warm_up_steps(steps: int) -> int:
    """How long one-pass generators that start new imitate the trained diffusive ones, by default."""
    return min(_LONGEST_WARM_UP, steps // 4)


@dataclass(frozen=True, eq=False)
class TranslatorPlan:
    """Everything that decides a translator training.

    Attributes
    ----------
    pools
        Patches of source and target, unpaired.
    modalities
        Source and target, for the cards.
    settings
        The generator is that of `start`, if given.
    data
        What the images are, for the cards.
    command
        What made the checkpoints, for the cards.
    pairs
        Aligned pairs, see `SynDiffTraining`.
    start
        Translators to go on from.
    start_state
        ``training.pt`` of another training, whose networks are all taken; the generators of `start` go before.
    preview_every
        Steps between two looks; 0 for none, and then the last step is kept instead of the best.
    """

    pools: tuple[PatchPool, PatchPool]
    modalities: tuple[Modality, Modality]
    settings: SynDiffSettings
    data: tuple[str, ...]
    command: str
    licence: str = ""
    pairs: PatchPool | None = None
    start: StartingPoint | None = None
    start_state: Path | None = None
    preview_every: int = 0

    @property
    def names(self) -> tuple[str, str]:
        """File names of the checkpoints without suffix: that which makes the source, and the target."""
        source, target = slugs_apart(*(modality.name for modality in self.modalities))
        return f"{target}-to-{source}", f"{source}-to-{target}"

    def record(self) -> JsonObject:
        """Return what must be the same for a training to go on in a folder; it may become longer."""
        settings = asdict(self.settings)
        del settings["steps"]
        planes = [*self.pools, self.pairs]
        return {
            "kind": "translator",
            "settings": settings,
            "modalities": [modality.model_dump(exclude={"texture"}) for modality in self.modalities],
            "data": [fingerprint(pool.planes if pool else []) for pool in planes],
            "start": list(self.start.parents) if self.start else str(self.start_state or ""),
        }


@dataclass(frozen=True, eq=False)
class TranslatorOutcome:
    """What a translator training left in its folder.

    Attributes
    ----------
    paths
        Checkpoint that makes the source modality, and that which makes the target modality.
    steps, resumed_at
        Steps done in all, and before this call.
    ended
        ``finish`` if the person wanted to stop and keep what there is.
    best
        The step that was kept; None without previews, where it is the last.
    before
        Measures at the start; None for a training from nothing.
    notes
        Sentences for the person.
    """

    paths: tuple[Path, Path]
    steps: int
    resumed_at: int
    ended: Ended
    best: Best | None
    before: dict[str, float] | None
    notes: tuple[str, ...]


def train_plan(
    plan: TranslatorPlan, folder: Path, *, device: torch.device, ranks: Ranks, control: Control
) -> TranslatorOutcome:
    """Train, or go on with it, and write the checkpoints of both directions.

    Parameters
    ----------
    folder
        Gets the state, the curves, ``previews/``, ``best.NAME.safetensors`` with every new best step, and in the
        end ``NAME.safetensors``; see `TranslatorPlan.names`. Only rank 0 writes.
    control
        Hears `TrainStart`, `Loss` and `TranslatorPreview`.

    Raises
    ------
    InputError
        If the settings cannot be used or `folder` holds another training.
    Cancelled
        If `control` says so; the same call goes on from there.
    """
    if plan.start is not None:
        plan = replace(plan, settings=replace(plan.settings, generator=plan.start.generator))
    _check(plan)
    if ranks.first:
        check_record(folder, plan.record(), plan.names)
    run = _training(plan, device, ranks)
    keeper = _Keeper(plan, folder)
    watch = _watch(plan, folder, keeper) if ranks.first and plan.preview_every else None
    if not run.resume(folder / STATE, watch):
        if plan.start_state is not None:
            run.start_from_state(plan.start_state)
        if plan.start is not None:
            run.start_from(plan.start.weights)
    resumed_at = run.step
    notes = plan.start.notes if plan.start else ()
    control.emit(TrainStart(resumed_at, None, notes))
    ended = run.run(folder, control, watch)
    best = watch.best if watch else None
    names = plan.names
    if not ranks.first:
        return TranslatorOutcome((folder, folder), run.step, resumed_at, ended, None, None, ())
    if best is not None:
        paths = keeper.write(best, names)
        notes = (*notes, _chosen(best, run.step))
    else:
        weights = tuple(run.averaged(k).state_dict() for k in (0, 1))
        paths = keeper.write(Best(run.step, {}, weights), names)  # type: ignore[arg-type]
    before = next((measures for step, measures in watch.history if step == 0), None) if watch else None
    return TranslatorOutcome(paths, run.step, resumed_at, ended, best, before, notes)


@dataclass(frozen=True, eq=False)
class _Keeper:
    """Writes checkpoints of a step with their cards."""

    plan: TranslatorPlan
    folder: Path

    def __call__(self, best: Best) -> None:
        first, second = self.plan.names
        self.write(best, (f"best.{first}", f"best.{second}"))

    def write(self, best: Best, names: tuple[str, str]) -> tuple[Path, Path]:
        plan = self.plan
        training = Training(
            data=plan.data, steps=best.step, seed=plan.settings.seed, date=today(), command=plan.command
        )
        where = f"training images, without truth, step {best.step}"
        quality = tuple(
            tuple(
                Measure(metric=name, value=round(best.measures[f"{name}_{way}"], 4), data=where)
                for name in ("content", "look", "sharpness", "cycle_probed", "hidden", "contrast")
                if best.measures
            )
            for way in ("target_to_source", "source_to_target")
        )
        return write_generators(
            best.weights,
            plan.settings.generator,
            self.folder,
            modalities=(_seen(plan, 0), _seen(plan, 1)),
            names=names,
            training=training,
            licence=plan.licence,
            parents=plan.start.parents if plan.start else (None, None),
            quality=quality,  # type: ignore[arg-type]
        )


def _seen(plan: TranslatorPlan, side: int) -> Modality:
    return with_texture(plan.modalities[side], [plane[0] for plane in plan.pools[side].planes])


def _training(plan: TranslatorPlan, device: torch.device, ranks: Ranks) -> SynDiffTraining:
    try:
        return SynDiffTraining(plan.pools, plan.settings, pairs=plan.pairs, device=device, ranks=ranks)
    except (ValueError, AssertionError, ZeroDivisionError) as error:
        raise InputError(f"No network can be built with these settings ({error}); change them.") from error


def _watch(plan: TranslatorPlan, folder: Path, keeper: _Keeper) -> TranslatorMonitor:
    from_start = plan.start is not None or plan.start_state is not None
    side = plan.settings.generator.image_size
    return TranslatorMonitor(folder, plan.pools, side, plan.preview_every, keeper, from_start=from_start)


def _chosen(best: Best, steps: int) -> str:
    agreement = f"its quality is {best.measures['quality']:.2f}, without a truth to compare with"
    if best.step == steps:
        return f"The last step, {steps}, was the best: {agreement}."
    if best.step == 0:
        return f"No step was better than the start, which was kept: {agreement}."
    return f"Step {best.step} of {steps} was the best and was kept: {agreement}."


def _check(plan: TranslatorPlan) -> None:
    slugs_apart(*(modality.name for modality in plan.modalities))
    if plan.preview_every < 0:
        raise InputError(f"Previews come every few steps, not every {plan.preview_every}; 0 is for none.")
    generator = plan.settings.generator
    if generator.image_size < _SMALLEST_PATCH or generator.image_size % generator.stride:
        raise InputError(
            f"Patches of {generator.image_size} pixels do not fit the network; use a multiple of {generator.stride} "
            f"from {_SMALLEST_PATCH}."
        )
