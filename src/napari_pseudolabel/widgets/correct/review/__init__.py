"""The review queue in the Correct dock: region after region, where a person's time helps most."""

from napari_pseudolabel.widgets.correct.review.controller import ReviewController

__all__ = ["ReviewController"]
