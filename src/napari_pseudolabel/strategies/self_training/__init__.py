"""Self-training: a segmenter that labels these images already learns from what it is sure of in them, in rounds.

Sources: "Generative blending augmentation and self-training" (arXiv 2304.01705), mean teacher (Tarvainen and Valpola, NeurIPS
2017). The gate, the classes that are blended, and the promotion are ours.
"""

from napari_pseudolabel.strategies.self_training.self_training_options import (
    SelfTrainingOptions,
    event_text,
    self_training_job,
    sources,
    with_trained,
)
from napari_pseudolabel.strategies.strategy import Preparation, RequiredModel, Strategy

SELF_TRAINING = Strategy(
    "self-training",
    "Improve on these images",
    "lets a segmenter learn, in rounds, from what it is sure of in these images, and segments them (experimental)",
    "Trains the segmenter further on all open images of this kind: on your corrections, and on what it is sure of itself. "
    "Experimental: it polishes, and seldom undoes a mistake; what is not better is not used.",
    needs=(RequiredModel("segmenter", "a segmenter that labels these images already"),),
    options=SelfTrainingOptions,
    preparation=Preparation(self_training_job, with_trained, sources, event_text, takes_targets=True),
    term="Self-training",
)

__all__ = ["SELF_TRAINING", "SelfTrainingOptions"]
