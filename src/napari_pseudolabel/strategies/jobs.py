"""Frozen descriptions of jobs: everything a worker needs, and `run`, which does the work."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, IntensityRange, intensity_range, normalise, resample_to
from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.strategies import adaptation
from napari_pseudolabel.strategies.description import (
    LabelSettings,
    ModelUse,
    PseudoLabel,
    Region,
    RunReport,
)
from napari_pseudolabel.tiling import Plan, pick_device

_STRATEGIES = ("adaptation",)
_TOLERATED_SHIFT_PX = 1.0


class Job(Protocol):
    """What an engine can run."""

    @property
    def title(self) -> str:
        """What is being done, for the person."""

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do the work.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """


@dataclass(frozen=True, eq=False)
class _ImageJob:
    """What all jobs on an image share.

    Attributes
    ----------
    image
        The image, lazily.
    settings
        How it is done.
    region
        Part of the last two axes; the whole plane when None. Statistics always come from the whole layer.
    planes
        Which planes of a stack; all when None.
    """

    image: Image
    settings: LabelSettings = field(default_factory=LabelSettings, kw_only=True)
    region: Region | None = field(default=None, kw_only=True)
    planes: tuple[tuple[int, ...], ...] | None = field(default=None, kw_only=True)

    def _region(self) -> Region:
        height, width = self.image.shape[-2:]
        whole = Region(0, 0, height, width)
        return self.region.clipped(height, width) if self.region else whole

    def _planes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(self.image.planes()) if self.planes is None else self.planes

    def _limits(self, card: Card) -> IntensityRange:
        n = card.normalisation
        return intensity_range(self.image, self.settings.channel, kind=n.kind, low=n.low, high=n.high)

    def _factor(self, modality: Modality | None) -> tuple[float, str]:
        scale = self.settings.scale
        # The image's own pixel size is asked for only when it decides: anisotropic pixels are an error.
        decided = scale.factor or scale.object_size_px or scale.pixel_size_um
        own = None if decided else self.image.placement.pixel_size_um()
        return scale.to_model(
            own, modality.pixel_size_um if modality else None, modality.object_size_px if modality else None
        )


@dataclass(frozen=True, eq=False)
class LabelJob(_ImageJob):
    """Make pseudo labels by a strategy.

    Attributes
    ----------
    translator, segmenter
        Paths or names such as ``sample:sem-to-tem``.
    strategy
        "adaptation".
    """

    translator: str
    segmenter: str
    strategy: str = "adaptation"

    @property
    def title(self) -> str:
        return f"Labelling {self.image.name}"

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        if self.strategy not in _STRATEGIES:
            raise InputError(f"There is no strategy “{self.strategy}”; use {' or '.join(_STRATEGIES)}.")
        return _run(self, control, models, self.translator, self.segmenter, self.strategy)


@dataclass(frozen=True, eq=False)
class TranslateJob(_ImageJob):
    """Translate an image into another modality."""

    translator: str

    @property
    def title(self) -> str:
        return f"Translating {self.image.name}"

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        return _run(self, control, models, self.translator, None, "translation")


@dataclass(frozen=True, eq=False)
class SegmentJob(_ImageJob):
    """Segment an image as it is, without translation ("source only")."""

    segmenter: str

    @property
    def title(self) -> str:
        return f"Segmenting {self.image.name}"

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        return _run(self, control, models, None, self.segmenter, "segmentation")


@dataclass(eq=False)
class _Collected:
    """What grows while planes are worked on."""

    labels: list[NDArray[np.uint8]] = field(default_factory=list)
    confidence: list[NDArray[np.float32]] = field(default_factory=list)
    translation: list[NDArray[np.float32]] = field(default_factory=list)
    spread: list[NDArray[np.float32]] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)
    shifts: list[tuple[float, float]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    plan: Plan | None = None


def _run(
    job: _ImageJob,
    control: Control,
    models: LoadedModels,
    translator_ref: str | None,
    segmenter_ref: str | None,
    strategy: str,
) -> PseudoLabel:
    started = time.monotonic()
    control.report(Progress("Loading the models", 0, 1))
    translator = models.translator(translator_ref) if translator_ref else None
    segmenter = models.segmenter(segmenter_ref) if segmenter_ref else None
    control.check()
    out = _Collected()
    first: Translator | Segmenter | None = translator or segmenter
    assert first is not None
    factor, why = job._factor(first.card.source)
    if factor == 1.0 and why.startswith("The "):
        out.notes[why] = None
    control.report(Progress("Measuring the intensities", 0, 1))
    limits = job._limits(first.card)
    planes = job._planes()
    for number, index in enumerate(planes):
        _run_plane(
            job,
            index,
            translator,
            segmenter,
            factor,
            limits,
            out,
            models,
            _numbered(control, number, len(planes)),
        )
    if any(max(map(abs, shift)) > _TOLERATED_SHIFT_PX for shift in out.shifts):
        y, x = max(out.shifts, key=lambda shift: max(map(abs, shift)))
        out.notes[
            f"The translation is shifted by {y:+.1f} px (down) and {x:+.1f} px (right) against the image, "
            "and so are the labels; try another translator or scale."
        ] = None
    used = (
        adaptation.used(out.plan)
        if out.plan
        else (None, None, None, str(pick_device(job.settings.tiles.device)))
    )
    report = RunReport(
        strategy=strategy,
        source=job.image.name,
        source_path=job.image.path,
        models=tuple(
            ModelUse(role, model.card.name or str(ref), str(ref), model.sha256)  # type: ignore[arg-type]
            for role, model, ref in (
                ("translator", translator, translator_ref),
                ("segmenter", segmenter, segmenter_ref),
            )
            if model is not None
        ),
        settings=job.settings,
        factor=factor,
        tile=used[0],
        overlap=used[1],
        batch=used[2],
        device=used[3],
        shift_px=max(out.shifts, key=lambda s: max(map(abs, s))) if out.shifts else None,
        agreement=float(np.mean(out.agreement)) if out.agreement else None,
        notes=tuple(out.notes),
        seconds=time.monotonic() - started,
    )
    classes: tuple[LabelClass, ...] = segmenter.classes if segmenter else ()
    return PseudoLabel(
        labels=_stacked(out.labels),
        confidence=_stacked(out.confidence),
        translation=_stacked(out.translation),
        spread=_stacked(out.spread),
        classes=classes,
        region=job._region(),
        planes=planes,
        report=report,
    )


def _run_plane(
    job: _ImageJob,
    index: tuple[int, ...],
    translator: Translator | None,
    segmenter: Segmenter | None,
    factor: float,
    limits: IntensityRange,
    out: _Collected,
    models: LoadedModels,
    control: Control,
) -> None:
    region = job._region()
    halo = _halo(translator, factor)
    window = region.grown(halo, *job.image.shape[-2:])
    slices = (slice(window.y0, window.y1), slice(window.x0, window.x1))
    raw = job.image.plane(index, job.settings.channel, slices)
    inner = (
        slice(region.y0 - window.y0, region.y1 - window.y0),
        slice(region.x0 - window.x0, region.x1 - window.x0),
    )
    samples, step = raw[None], factor
    segmenter_limits: IntensityRange | None = limits
    if translator is not None:
        plane = normalise(raw, limits)
        translation = adaptation.translate_plane(
            plane,
            translator,
            factor,
            job.settings,
            origin=(window.y0, window.x0),
            limits=models.limits,
            control=control,
        )
        out.plan = translation.plan
        out.notes |= dict.fromkeys((*translator.warnings, *translation.notes))
        mean = resample_to(translation.mean, plane.shape)
        out.translation.append(mean[inner])
        if translation.spread is not None:
            out.spread.append(resample_to(translation.spread, plane.shape)[inner])
        if (shift := adaptation.shift_px(plane, mean)) is not None:
            out.shifts.append(shift)
        samples = translation.samples
        if segmenter is not None:
            samples, segmenter_limits = adaptation.as_raw(samples, segmenter.card)
            step = _between(translator.card.target, segmenter.card.source)
    if segmenter is not None:
        found = adaptation.segment_samples(
            samples, segmenter, step, raw.shape, job.settings, limits=segmenter_limits, control=control
        )
        out.labels.append(found.labels[inner])
        out.confidence.append(found.confidence[inner])
        if found.agreement is not None:
            out.agreement.append(found.agreement)


def _halo(translator: Translator | None, factor: float) -> int:
    """Margin around a region, in pixels of the image, so that its border looks like the middle."""
    tile = (translator.card.architecture.get("image_size") if translator else None) or 128
    return int(np.ceil(tile / 2 / factor))


def _between(target: Modality | None, source: Modality | None) -> float:
    """Pixels on the segmenter's grid per pixel on the translator's."""
    if target is None or source is None:
        return 1.0
    if target.pixel_size_um and source.pixel_size_um:
        return target.pixel_size_um / source.pixel_size_um
    if target.object_size_px and source.object_size_px:
        return source.object_size_px / target.object_size_px
    return 1.0


def _numbered(control: Control, number: int, total: int) -> Control:
    """The same control, whose stages say which plane of a stack they belong to."""
    if total == 1:
        return control

    def report(progress: Progress) -> None:
        name = f"{progress.stage}, plane {number + 1} of {total}"
        control.report(Progress(name, progress.done, progress.total, progress.seconds_left))

    return Control(report, control.cancelled)


def _stacked(parts: list[NDArray[Any]]) -> Any:
    return np.stack(parts) if parts else None
