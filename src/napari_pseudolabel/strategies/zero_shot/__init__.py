"""Zero-shot: only the labelled modality is learned, and images of any other are made to look like it by their structure.

Source: "LMIDiffusion" (arXiv 2404.01102); what differs is in `training.translator.zero_shot_training`.
"""

from napari_pseudolabel.strategies.strategy import Preparation, RequiredModel, Strategy
from napari_pseudolabel.strategies.zero_shot.zero_shot_options import (
    ZeroShotOptions,
    sources,
    with_translator,
    zero_shot_job,
)

ZERO_SHOT = Strategy(
    "zero-shot",
    "Translate what was never seen (experimental)",
    "learns how the images of the segmenter look, makes others look so by their structure alone, and segments them",
    "Learns from a folder of images of the kind that the segmenter knows, and from none like yours; then it redraws yours from their "
    "edges. Experimental: for a few images of a kind of which there is nothing to learn from; try inversion first.",
    needs=(RequiredModel("segmenter", "a segmenter of the labelled modality"),),
    captions=("your image", "redrawn", "labels"),
    options=ZeroShotOptions,
    preparation=Preparation(
        zero_shot_job,
        with_translator,
        sources,
        makes="translator",
        takes="ten minutes to an hour",
        brings="images of the kind that a segmenter knows",
    ),
    term="Zero-shot",
    lacking=lambda options: options.lacking,
)

__all__ = ["ZERO_SHOT", "ZeroShotOptions"]
