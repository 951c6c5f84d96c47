"""Tutorship: a proxy segmenter learns on labelled images translated into the target modality, and labels real ones.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858). Where adaptation
translates every new image, tutorship translates the labelled set once, and trains; after that an image costs no
translation. It suits large differences between the modalities, and many images. `TutorJob` does the first half,
`ProxyJob` the second; `tutorship` does both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.jobs import ImageJob
from napari_pseudolabel.strategies.label_plan import LabelPlan
from napari_pseudolabel.strategies.settings import LabelSettings, ModelUse, Region
from napari_pseudolabel.strategies.survey import Survey, SurveyJob
from napari_pseudolabel.training.tutor_job import TutorJob
from napari_pseudolabel.training.tutor_task import Tutored
from napari_pseudolabel.workspace import write_bytes

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True, eq=False)
class ProxyJob(ImageJob):
    """Label a real image of the target modality with the proxies of a tutorship; several are averaged.

    Attributes
    ----------
    proxies
        Paths or names, one per fold.
    translator
        The one that made what they learned from, which the report calls their tutor: the image does not go through it.
        None if that is known from their cards alone.
    """

    proxies: tuple[str, ...]
    translator: ModelUse | None = None
    _doing = "Labelling"
    _name = "tutorship"

    @property
    def survey(self) -> SurveyJob:
        if not self.proxies:
            raise InputError("There is no proxy segmenter to label with; train one first.")
        return SurveyJob(None, self.proxies[0], second_opinions=self.proxies[1:])

    def plan(self, survey: Survey, control: Control) -> LabelPlan:
        """Measure the intensities of the layer and cut the region; the report names what the proxies learned from.

        Raises
        ------
        InputError
            If the image, its scale or its region cannot be used.
        """
        plan = super().plan(survey, control)
        told = tuple(
            f"The segmenter was trained on synthetic images only: {one}."
            for one in plan.survey.models[0].card.training.data
        )
        tutor = () if self.translator is None else (replace(self.translator, role="tutor"),)
        models = (*tutor, *plan.report.models)
        return replace(plan, report=replace(plan.report, models=models, notes=(*plan.report.notes, *told)))


def proxy_job(
    image: Image,
    teaching: TutorJob,
    made: Tutored,
    *,
    settings: LabelSettings | None = None,
    region: Region | None = None,
    planes: tuple[tuple[int, ...], ...] | None = None,
) -> ProxyJob:
    """How a real image is labelled after a tutorship.

    Parameters
    ----------
    image
        Of the target modality.
    teaching, made
        The tutorship and its result. A proxy that a worker elsewhere has trained is written where it belongs.
    settings
        `samples` and `mode` do not matter, because nothing is translated.
    region, planes
        See `ImageJob`.
    """
    for proxy in made.proxies:
        if not proxy.path.is_file():
            proxy.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(proxy.path, proxy.checkpoint)
    return ProxyJob(
        image,
        tuple(str(proxy.path) for proxy in made.proxies),
        ModelUse("tutor", made.translator_name, teaching.translator, made.translator_sha256),
        settings=settings or LabelSettings(),
        region=region,
        planes=planes,
    )


def tutorship(
    images: Iterable[Image],
    teaching: TutorJob,
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
    teaching
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
    made = teaching.run(control, models)
    for image in images:
        yield proxy_job(image, teaching, made, settings=settings).run(control, models)
