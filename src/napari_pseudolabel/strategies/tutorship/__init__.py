"""Tutorship: a proxy segmenter learns on labelled images translated into the target modality, and labels real ones.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858). Where adaptation
translates every new image, tutorship translates the labelled set once, and trains; after that an image costs no
translation. It suits large differences between the modalities, and many images.
"""

from napari_pseudolabel.strategies.fixed_settings import FixedSetting
from napari_pseudolabel.strategies.strategy import Preparation, RequiredModel, Strategy
from napari_pseudolabel.strategies.tutorship.proxies import (
    label,
    proxy_job,
    tutorship,
    with_proxies,
    with_tutored_proxies,
)
from napari_pseudolabel.strategies.tutorship.tutorship_options import (
    TutorshipOptions,
    event_text,
    sources,
    tutor_task,
)

TUTORSHIP = Strategy(
    "tutorship",
    "Train on translated labels",
    "translates a labelled set, trains on it, and segments the images as they are",
    "Makes labelled images look like yours and trains a segmenter (a proxy) on them, which takes a while, once: "
    "for many images or large differences. “Translate my image” works at once.",
    needs=(RequiredModel("translator", "a translator from the labelled modality to that of the images"),),
    options=TutorshipOptions,
    preparation=Preparation(
        tutor_task,
        with_tutored_proxies,
        sources,
        event_text,
        takes="minutes to hours",
        brings="labelled images of another kind",
    ),
    label=label,
    fixes=(FixedSetting("samples", 1, "translates the labelled images (--train-samples), not these"),),
    term="Tutorship",
)

__all__ = ["TUTORSHIP", "TutorshipOptions", "proxy_job", "tutorship", "with_proxies"]
