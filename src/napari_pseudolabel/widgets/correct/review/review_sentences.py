"""What the queue card says."""

from __future__ import annotations

from napari_pseudolabel.labels.review import Forecast, RegionScore
from napari_pseudolabel.labels.review.calibration import LEAST_REGIONS
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.review.state import ReviewRegion

NOTHING = "Nothing is labelled yet, so there is nothing to review."
MEASURING = "Looking for the regions that are worth your time …"
RETURNED = "The region was out of view; press the key again when it is right."
ONLY_ONE = "No other region is left; accept this one, or fix it."
FIRST = "There is no region before this one."
NOT_STARTED = "Start the review first: the queue shows region after region."
EMPTY = "Nothing was found here; look whether something is missing."
NO_SUSPECT = "The models doubt nothing in this region; what they missed they do not know."


def progress(forecast: Forecast) -> str:
    """How far the review is."""
    if not forecast.regions:
        return ""
    text = f"{forecast.reviewed} of {forecast.regions} region{'s' if forecast.regions != 1 else ''}"
    if forecast.reviewed == forecast.regions:
        return text
    return f"{text}, {minutes(forecast.minutes_left)} left"


def minutes(count: float) -> str:
    """Return a time that is only known roughly."""
    if count < 1:
        return "less than 1 min"
    if count < 90:
        return f"about {count:.0f} min"
    return f"about {count / 60:.1f} h"


def quality(forecast: Forecast, target: float, *, judged: bool) -> str:
    """How good the labels probably are, and how far the target is.

    Parameters
    ----------
    judged
        Whether a model has said how sure it is of them.
    """
    if forecast.reviewed == forecast.regions:
        return ""  # nothing is estimated any more
    if not forecast.calibrated:
        more = LEAST_REGIONS - forecast.reviewed
        known = f"known after {more} more regions" if more > 1 else "known after more regions"
        return f"{f'Looks agree {forecast.quality:.2f}' if judged else 'No model has judged these labels'}; quality {known}"
    text = f"Quality about {forecast.quality:.2f}"
    if forecast.quality >= target or forecast.minutes_to_target is None or not forecast.regions:
        return text
    return f"{text}; {minutes(forecast.minutes_to_target)} to {target:.2f}"


def begin(forecast: Forecast) -> str:
    """Return what lies ahead."""
    key = shortcuts.shown(shortcuts.REVIEW_ACCEPT)
    left = forecast.regions - forecast.reviewed
    what = f"{left} regions to look at, the most doubtful first." if left != 1 else "One region to look at."
    return f"{what} Press {key} to begin."


def fixing() -> str:
    """Return what to do after Fix."""
    done, accept = (shortcuts.shown(key) for key in (shortcuts.REVIEW_FIX, shortcuts.REVIEW_ACCEPT))
    return f"Correct the region, then press {done} or {accept}: all of it counts as right."


def asked(*, own: bool) -> str:
    """Return the heading of a region; only about what was predicted it can be asked whether it is right.

    Parameters
    ----------
    own
        The person brought these labels along.
    """
    return "Your own labels: as you want them?" if own else "Is this right?"


def title(text: str, region: ReviewRegion) -> str:
    """Return a heading, with the number of the slice where there are several."""
    return f"{text} Slice {', '.join(map(str, region.plane))}" if region.plane else text


def reason(score: RegionScore) -> str:
    """Why a region comes."""
    if not score.foreground:
        return EMPTY
    return score.reason[:1].upper() + score.reason[1:]


def suspect(count: int, *, focused: bool) -> str:
    """How many doubtful places there are, and what to do about this one."""
    places = (
        f"{count} doubtful places in the region" if count > 1 else "The only doubtful place of the region"
    )
    if focused:
        return f"{places}; tools work on this object."
    return f"{places}; draw, fill or paste what is missing inside of the dashed line."


def accepted(width: int, height: int, *, fixed: bool) -> str:
    """Return what was confirmed."""
    what = "Corrected and confirmed" if fixed else "Accepted"
    return f"{what} {width} x {height} px."
