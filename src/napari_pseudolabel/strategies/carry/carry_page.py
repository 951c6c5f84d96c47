"""A page about what was carried: what was tried, with pictures and scores, what to correct first, what was assumed, how to cite.

One HTML file that needs no other: pictures are in it, nothing is fetched, nothing runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from operator import itemgetter

from napari_pseudolabel import __version__
from napari_pseudolabel.formats.page_parts import (
    cited,
    figure,
    legend,
    models_table,
    number,
    spot_check_line,
    table,
    text,
    whole_page,
)
from napari_pseudolabel.labels.pictures import data_uri, overlay
from napari_pseudolabel.labels.spot_check.spot_statement import RULE
from napari_pseudolabel.labels.usability import UNASKED
from napari_pseudolabel.models.headline import short
from napari_pseudolabel.strategies.carry.carrying import Carried
from napari_pseudolabel.strategies.choice.found_way import FoundWay, TriedWay
from napari_pseudolabel.strategies.choice.judging import TIE
from napari_pseudolabel.strategies.choice.unjudged import untried
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import duration

_PICTURE_PX = 240
_MOST_REGIONS = 12


def page(carried: Carried, command: str = "") -> str:
    """Return the page as HTML.

    Parameters
    ----------
    command
        That made it, to be shown.
    """
    labelled, images = carried.task.names
    title = f"Labels of {images}, carried from {labelled}"
    return whole_page(
        title,
        (
            f"<p>{len(carried.images)} images labelled on {date.today().isoformat()} by napari-pseudolabel {text(__version__)}. "
            f"{text(carried.found.reason)}</p>",
            legend(carried.found.classes),
            *_tried(carried.found),
            *_labelled(carried),
            *_to_correct(carried.images),
            *_assumed(carried),
            "<h2>Models</h2>",
            models_table(carried.models),
            *cited(carried.models),
            *((f"<h2>Do it again</h2><p><code>{text(command)}</code></p>",) if command else ()),
        ),
    )


def _tried(found: FoundWay) -> Iterator[str]:
    yield "<h2>What was tried</h2>"
    place = found.places[0]
    yield (
        f"<p>Each way labelled the same part of {len(found.places)} of the images; the pictures show “{text(place.image)}”. "
        "Nobody knows the truth there. How much mirrored looks agree (Dice) puts the ways into an order; how much other kinds "
        "of ways say the same is a check that tells nonsense. Neither is the quality. Agreements that differ by less than "
        f"{short(TIE)} are as good, and of those the cheapest way was taken. What is not judged needs no labels, and is never taken "
        "by itself: compare it by eye.</p>"
    )
    yield '<div class="cards">'
    yield figure(data_uri(overlay(place.pixels, None, (), _PICTURE_PX)), "the image", "")
    for way in found.order:
        one = found.tried[way]
        if not one.possible:
            continue
        mark = "chosen" if way == found.best else "good" if way in found.ties else "bad" * bool(one.reasons)
        yield figure(
            data_uri(overlay(place.pixels, one.labels[0], found.classes_of(way), _PICTURE_PX)),
            f"{text(one.way.title)}<br>{_scores(one, mark)}",
            mark,
        )
    yield "</div>"
    yield f"<p>{text(untried(one.way for one in found.tried))}</p>"
    if failed := [one for one in found.tried if not one.possible]:
        yield f"<p>Not possible: {'; '.join(f'{text(one.way.title)} ({text(one.words)})' for one in failed)}.</p>"


def _scores(one: TriedWay, mark: str) -> str:
    if one.scores is None:
        return f"{text(one.words)} · <code>pseudolabel label … --strategy {text(one.way.strategy)}</code> makes it"
    words = {"chosen": "chosen", "good": "as good"}.get(mark, "")
    parts = [
        f'<span class="mark">{words}</span>' if words else "",
        f"looks agree {short(one.scores.agreement)}",
        "" if one.scores.consensus is None else f"others say the same {short(one.scores.consensus)}",
        f"about {duration(one.cost)} per megapixel",
        f'<span class="warn">probably not usable: {text("; ".join(one.reasons))}</span>'
        if one.reasons
        else "",
    ]
    return " · ".join(filter(None, parts))


def _labelled(carried: Carried) -> Iterator[str]:
    yield "<h2>What was labelled</h2>"
    rows = []
    asked: dict[tuple[str, ...], list[str]] = {}
    for one in carried.images:
        usable = one.get("usable") or {}
        doubts = [*(usable.get("reasons") or ())]
        if not one.get("scale_found", True):
            doubts.append("how large things are was not found, and it was used as it is")
        picture = f'<img class="small" src="{one["picture"]}" alt="">' if one.get("picture") else ""
        checked = tuple(usable.get("checked") or ())
        asked.setdefault(checked, []).append(one["name"])
        rows.append(
            (
                picture,
                text(one["name"]),
                text(one.get("objects_in_words") or ""),
                number(one.get("mean_confidence")),
                number(one.get("agreement")),
                f'<span class="warn">{text("; ".join(doubts))}</span>'
                if doubts
                else ("no doubt in what was checked" if checked else "not checked"),
            )
        )
    yield table(("", "image", "objects", "mean confidence", "looks agree", "doubts"), rows)
    for checked, names in asked.items():
        where = "" if len(asked) == 1 else f" in {text(', '.join(names))}"
        what = text("; ".join(checked) or "nothing")
        yield f"<p>Checked{where}: {what}. <b>Not checked: {text(UNASKED)}</b>; that takes a person.</p>"
    for name, why in carried.failed:
        yield f'<p class="warn">{text(name)} could not be used: {text(why)}</p>'
    yield from _judged(carried.images)


def _judged(images: Sequence[JsonObject]) -> Iterator[str]:
    """Tell what a person said of random objects and boxes, and what to do where nobody was asked."""
    told = [(one["name"], said) for one in images for said in (one.get("spot_checks") or ())[-1:]]
    yield "<p>Confidence, agreement and the absence of doubts are no quality: only a person can say how good the labels are.</p>"
    for name, said in told:
        yield spot_check_line(said, name)
    if told:
        yield f"<p><small>{text(RULE)}</small></p>"
    if len(told) < len(images):
        yield (
            "<p>In napari, <i>Correct &gt; Spot check</i> asks about random objects and boxes, and gives precision and recall with "
            f"intervals. Export the labels to where they are{' for the other images' if told else ''} afterwards; the same "
            "command then writes what was found into this page.</p>"
        )


def _to_correct(images: Sequence[JsonObject]) -> Iterator[str]:
    yield "<h2>What to correct first</h2>"
    regions = [(one["name"], region) for one in images for region in one["correct_first"]]
    regions.sort(key=lambda it: -it[1]["benefit_px"] / max(it[1]["seconds"], 1))
    if not regions:
        yield "<p>Nothing was found, so no region can go first; look at the images for what was missed.</p>"
        return
    yield (
        "<p>Where a minute of a person helps most, first of all images; in napari, <i>Correct</i> leads through all of them in "
        "this order.</p>"
    )
    yield '<div class="cards">'
    for name, region in regions[:_MOST_REGIONS]:
        y0, x0, y1, x1 = region["box"]
        words = (
            f"{text(name)}, rows {y0} to {y1}, columns {x0} to {x1}<br>{text(region['reason'])}; expected Dice "
            f"{short(region['quality'])}, about {duration(region['seconds'])}"
        )
        yield figure(region["picture"], words, "")
    yield "</div>"


def _assumed(carried: Carried) -> Iterator[str]:
    yield "<h2>What was assumed, and what to know</h2><ul>"
    told: dict[str, list[str]] = {note: [] for note in carried.notes}
    for one in carried.images:
        for note in one.get("notes") or ():
            told.setdefault(note, []).append(one["name"])
    for note, names in told.items():
        where = (
            ""
            if not names or len(names) == len(carried.images)
            else f" <small>({text(', '.join(names))})</small>"
        )
        yield f"<li>{text(note)}{where}</li>"
    yield "</ul>"


def report(carried: Carried) -> JsonObject:
    """Return the same for programs, JSON-able; without pictures."""
    labelled, images = carried.task.names
    pictures = {"picture", "image"}
    return {
        "version": __version__,
        "date": date.today().isoformat(),
        "labelled_modality": labelled,
        "modality": images,
        "choice": carried.found.taking(carried.found.best),
        "models": list(carried.models),
        "images": [
            {
                **{
                    name: value
                    for name, value in one.items()
                    if name not in ("key", "correct_first", "picture")
                },
                "correct_first": [
                    {name: value for name, value in region.items() if name not in pictures}
                    for region in one["correct_first"]
                ],
            }
            for one in sorted(carried.images, key=itemgetter("name"))
        ],
        "failed": [{"input": name, "problem": why} for name, why in carried.failed],
        "notes": list(carried.notes),
    }
