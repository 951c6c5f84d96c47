"""How much is left, how good the whole probably is, and whether that is enough."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from napari_pseudolabel.labels.review.queue import Place, RegionScore
from napari_pseudolabel.labels.windows import shape_of, window_of

TARGET = 0.9
REVIEWED = "Every region with objects was reviewed; places where nothing was found were not: the spot check asks what was missed."


@dataclass(frozen=True)
class Forecast:
    """What a person may expect of the rest of the queue.

    Attributes
    ----------
    reviewed, regions
        Regions that are done, and all of them that hold anything.
    minutes_left
        Estimated time for the rest, if all of it is reviewed.
    quality
        Estimated mean Dice of the whole, in [0, 1]; reviewed regions count as 1.
    minutes_to_target
        Estimated time for the regions that, in the order of the queue, will probably bring the quality to the target;
        0 if it is there, None if all regions are not enough.
    stop
        A sentence that suggests to stop, None if there is more to do. Nobody is told to stop because models agree
        with themselves (they say .9 where .75 is true, see docs/benchmarks.md), only by what corrections have shown.
    calibrated
        Whether the quality is learned from corrected regions; otherwise it is only how much the models agree.
    """

    reviewed: int
    regions: int
    minutes_left: float
    quality: float
    minutes_to_target: float | None
    stop: str | None
    calibrated: bool = False


def forecast(
    scores: Sequence[RegionScore],
    queue: Sequence[RegionScore],
    *,
    reviewed: Collection[Place] = (),
    target: float = TARGET,
    calibrated: bool = False,
) -> Forecast:
    """Say what is left of a review.

    Parameters
    ----------
    scores
        Of all regions, as `measure` made them.
    queue
        Those that are left, as `order` put them.
    reviewed
        Places that are done.
    target
        Quality that is wanted, in (0, 1].
    calibrated
        Whether the qualities were calibrated on corrected regions.

    Notes
    -----
    Regions count by how much was predicted in them, because that is what the Dice of a whole image counts.
    """
    done = set(reviewed)
    weights = {score.place: score.foreground * math.prod(shape_of(window_of(score.box))) for score in scores}
    total = sum(weights.values())
    if not total:
        return Forecast(0, 0, 0.0, 1.0, 0.0, None)
    quality = {score.place: 1.0 if score.place in done else score.quality for score in scores}
    sum_of_quality = sum(weights[place] * quality[place] for place in weights)
    left = [score for score in queue if score.foreground and score.place not in done]
    held = [score for score in scores if score.foreground]
    now = sum_of_quality / total
    seconds, reached = 0.0, now
    for score in left:
        if reached >= target:
            break
        seconds += score.seconds
        reached += weights[score.place] * (1 - score.quality) / total
    enough = reached >= target - 1e-9
    count = sum(1 for score in held if score.place in done)
    stop = None
    if held and not left:
        stop = REVIEWED
    elif now >= target and calibrated:
        stop = (
            f"The labels are probably good enough: {now:.2f} of {target:.2f} wanted, "
            "as learned from your corrections."
        )
    return Forecast(
        count,
        len(held),
        sum(score.seconds for score in left) / 60,
        now,
        seconds / 60 if enough else None,
        stop,
        calibrated,
    )
