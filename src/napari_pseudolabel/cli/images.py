"""``pseudolabel label``, ``translate`` and ``segment``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli import options as o
from napari_pseudolabel.cli.options import channel_of

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import LabelSettings


def label(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    segmenter: o.SegmenterRef,
    strategy: Annotated[
        o.Strategy, typer.Option(help="Recipe that makes the labels.")
    ] = o.Strategy.adaptation,
    samples: o.Samples = 1,
    confidence: o.WithConfidence = False,
    seed: o.Seed = 0,
    mode: o.ModeOption = o.Mode.joint,
    device: o.Device = "auto",
    tile: o.Tile = None,
    overlap: o.Overlap = None,
    batch: o.Batch = None,
    pixel_size: o.PixelSize = None,
    scale: o.ScaleFactor = None,
    object_size: o.ObjectSize = None,
    channel: o.ChannelOption = None,
    axes: o.Axes = None,
    format: o.FormatOption = None,
    as_json: o.AsJson = False,
) -> None:
    """Make pseudo labels: translate images into the labelled modality and segment them there."""
    from napari_pseudolabel.cli.working import Work, process
    from napari_pseudolabel.strategies import LabelJob

    settings = _settings(
        samples, seed, mode, device, tile, overlap, batch, pixel_size, scale, object_size, channel
    )
    _check_models(translator, segmenter)
    work = Work(
        lambda image: LabelJob(image, translator, segmenter, strategy.value, settings=settings),
        confidence=confidence,
    )
    process(input, output, work, axes=axes, format=format.value if format else None, as_json=as_json)


def translate(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    samples: o.Samples = 1,
    seed: o.Seed = 0,
    mode: o.ModeOption = o.Mode.joint,
    device: o.Device = "auto",
    tile: o.Tile = None,
    overlap: o.Overlap = None,
    batch: o.Batch = None,
    pixel_size: o.PixelSize = None,
    scale: o.ScaleFactor = None,
    object_size: o.ObjectSize = None,
    channel: o.ChannelOption = None,
    axes: o.Axes = None,
    format: o.FormatOption = None,
    as_json: o.AsJson = False,
) -> None:
    """Translate images into another modality; with several samples their mean is written."""
    from napari_pseudolabel.cli.working import Work, process
    from napari_pseudolabel.strategies import TranslateJob

    settings = _settings(
        samples, seed, mode, device, tile, overlap, batch, pixel_size, scale, object_size, channel
    )
    _check_models(translator)
    work = Work(lambda image: TranslateJob(image, translator, settings=settings))
    process(input, output, work, axes=axes, format=format.value if format else None, as_json=as_json)


def segment(
    input: o.Input,
    output: o.Output,
    segmenter: o.SegmenterRef,
    confidence: o.WithConfidence = False,
    device: o.Device = "auto",
    tile: o.Tile = None,
    overlap: o.Overlap = None,
    batch: o.Batch = None,
    pixel_size: o.PixelSize = None,
    scale: o.ScaleFactor = None,
    object_size: o.ObjectSize = None,
    channel: o.ChannelOption = None,
    axes: o.Axes = None,
    format: o.FormatOption = None,
    as_json: o.AsJson = False,
) -> None:
    """Segment images as they are, without translation."""
    from napari_pseudolabel.cli.working import Work, process
    from napari_pseudolabel.strategies import SegmentJob

    settings = _settings(
        1, 0, o.Mode.joint, device, tile, overlap, batch, pixel_size, scale, object_size, channel
    )
    _check_models(segmenter)
    work = Work(lambda image: SegmentJob(image, segmenter, settings=settings), confidence=confidence)
    process(input, output, work, axes=axes, format=format.value if format else None, as_json=as_json)


def _settings(
    samples: int,
    seed: int,
    mode: o.Mode,
    device: str,
    tile: int | None,
    overlap: int | None,
    batch: int | None,
    pixel_size: float | None,
    scale: float | None,
    object_size: float | None,
    channel: str | None,
) -> LabelSettings:
    from napari_pseudolabel.imaging.scale import Scale
    from napari_pseudolabel.strategies import LabelSettings
    from napari_pseudolabel.tiling import TileSettings, pick_device

    pick_device(device)  # says so now if it is not there
    return LabelSettings(
        samples=samples,
        seed=seed,
        mode=mode.value,
        scale=Scale(factor=scale, object_size_px=object_size, pixel_size_um=pixel_size),
        tiles=TileSettings(tile=tile, overlap=overlap, batch=batch, device=device),
        channel=channel_of(channel),
    )


def _check_models(*refs: str) -> None:
    """Say once, and before any image is read, that a model is not there."""
    from napari_pseudolabel.models import resolve

    for ref in refs:
        resolve(ref)
