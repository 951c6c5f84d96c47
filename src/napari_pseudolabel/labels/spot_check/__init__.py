"""How good labels are, as a reviewer accepts it: random objects and random boxes, judged by a person.

`drawn_sample.draw` asks, a `SpotCheck` holds what was answered, `statement` says what follows: precision and recall with
intervals. Every export asks for the latter, so the former, which finds objects, is imported by itself.
"""

from napari_pseudolabel.labels.spot_check.labels_digest import digest_of
from napari_pseudolabel.labels.spot_check.spot_estimates import (
    Share,
    answers_for,
    clustered,
    half_width,
    judged,
)
from napari_pseudolabel.labels.spot_check.spot_options import SpotCheckOptions
from napari_pseudolabel.labels.spot_check.spot_questions import (
    SPOT_CHECK_KEY,
    BoxQuestion,
    ObjectQuestion,
    SpotCheck,
    SpotChecks,
)
from napari_pseudolabel.labels.spot_check.spot_statement import (
    SpotStatement,
    statement,
    statements,
    still_true,
)

__all__ = [
    "SPOT_CHECK_KEY",
    "BoxQuestion",
    "ObjectQuestion",
    "Share",
    "SpotCheck",
    "SpotCheckOptions",
    "SpotChecks",
    "SpotStatement",
    "answers_for",
    "clustered",
    "digest_of",
    "half_width",
    "judged",
    "statement",
    "statements",
    "still_true",
]
