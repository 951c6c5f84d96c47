"""The review queue in the Correct dock: region after region, where a person's time helps most."""

from napari_pseudolabel.widgets.correct.review.part import ReviewPart

__all__ = ["ReviewPart"]
