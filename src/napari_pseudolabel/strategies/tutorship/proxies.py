"""Labelling with the proxies of a tutorship. `TutorJob` trains them, `proxy_job` labels; `tutorship` does both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.jobs import LabelJob, Origin
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Region
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor.tutor_task import TutorResult
from napari_pseudolabel.workspace import write_bytes

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


def with_proxies(
    image: Image, proxies: Sequence[str], tutor: ModelUse | None = None, **where: Any
) -> LabelJob:
    """Label a real image of the target modality with the proxies of a tutorship; several are averaged.

    Parameters
    ----------
    proxies
        Paths or names, one per fold.
    tutor
        The translator that made what they learned from: the image does not go through it. None if that is known from
        their cards alone.
    where
        Settings, region and planes of `LabelJob`.

    Raises
    ------
    InputError
        If there is no proxy.
    """
    if not proxies:
        raise InputError("There is no proxy segmenter to label with; train one first.")
    origin = Origin("tutorship", tutor, synthetic=True)
    return LabelJob(image, None, proxies[0], second_opinions=tuple(proxies[1:]), origin=origin, **where)


def proxy_job(
    image: Image,
    task: TutorJob,
    made: TutorResult,
    *,
    settings: LabelSettings | None = None,
    region: Region | None = None,
    planes: tuple[tuple[int, ...], ...] | None = None,
) -> LabelJob:
    """How a real image is labelled after a tutorship.

    Parameters
    ----------
    image
        Of the target modality.
    task, made
        The tutorship and its result. A proxy that a worker elsewhere has trained is written where it belongs.
    settings
        `samples` and `mode` do not matter, because nothing is translated.
    region, planes
        See `LabelJob`.
    """
    asked = LabelRequest(settings=settings or LabelSettings(), region=region, planes=planes)
    return label(image, with_tutored_proxies(asked, task, made))


def with_tutored_proxies(request: LabelRequest, task: TutorJob, made: TutorResult) -> LabelRequest:
    """Return what is asked for, with the proxies of a tutorship; those that a worker elsewhere has trained are written."""
    for proxy in made.proxies:
        if not proxy.path.is_file():
            proxy.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(proxy.path, proxy.checkpoint)
    first, *others = (str(proxy.path) for proxy in made.proxies)
    tutor = ModelUse("tutor", made.translator_name, task.translator, made.translator_sha256)
    # How the proxies were trained stands in their cards.
    return replace(
        request, translator=None, segmenter=first, second_opinions=tuple(others), tutor=tutor, options=None
    )


def label(image: Image, request: LabelRequest) -> LabelJob:
    """Return the job that labels a real image with proxies."""
    proxies = () if request.segmenter is None else (request.segmenter, *request.second_opinions)
    where = {name: getattr(request, name) for name in ("settings", "region", "planes")}
    return with_proxies(image, proxies, request.tutor, **where)


def tutorship(
    images: Iterable[Image],
    task: TutorJob,
    *,
    settings: LabelSettings | None = None,
    control: Control = Control(),
    models: LoadedModels | None = None,
) -> Iterator[PseudoLabel]:
    """Train the proxies, or go on with it, and label real images with them.

    Parameters
    ----------
    images
        Of the target modality.
    task
        What to learn from, and where to keep what was learned.
    models
        Loaded models to use; new ones by default.

    Yields
    ------
    PseudoLabel
        One for each image, in their order.

    Raises
    ------
    PseudolabelError
        With a sentence for the person; `Cancelled` if `control` said so. The same call goes on from there.
    """
    from napari_pseudolabel.models.loaded import LoadedModels

    models = models or LoadedModels()
    made = task.run(control, models)
    for image in images:
        yield proxy_job(image, task, made, settings=settings).run(control, models)
