"""A page about what was carried: what was tried, with pictures and scores, what to correct first, what was assumed, how to cite.

One HTML file that needs no other: pictures are in it, nothing is fetched, nothing runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from html import escape
from operator import itemgetter

from napari_pseudolabel import __version__
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.labels.spot_check.spot_statement import RULE
from napari_pseudolabel.models.headline import short
from napari_pseudolabel.strategies.carry.carrying import Carried
from napari_pseudolabel.strategies.choice.found_way import FoundWay, TriedWay
from napari_pseudolabel.strategies.choice.judging import TIE
from napari_pseudolabel.strategies.choice.pictures import data_uri, overlay
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import duration, shown

_PICTURE_PX = 240
_MOST_REGIONS = 12

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc }
table { border-collapse: collapse } td, th { padding: .3em .7em; text-align: left; vertical-align: top; border-bottom: 1px solid #eee }
.number { text-align: right; font-variant-numeric: tabular-nums }
.cards { display: flex; flex-wrap: wrap; gap: 1em } figure { margin: 0; width: 250px } figcaption { font-size: .85em }
img { width: 240px; image-rendering: auto; border: 3px solid transparent } .chosen img { border-color: #0072B2 }
img.small { width: 140px } .good img { border-color: #56B4E9 } .bad img { opacity: .5 }
.mark { font-weight: bold; color: #0072B2 } .swatch { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 .8em }
.warn { color: #a33 } code { background: #f4f4f4; padding: .1em .3em } small { color: #666 }
"""

_CITED = (
    ("", "napari-pseudolabel {version}: labels carried between imaging modalities."),
    ("", "Unpaired Modality Translation for Pseudo Labeling of Histology Images, arXiv:2412.02858 (adaptation and tutorship)."),
    ("syndiff", "Özbey et al., Unsupervised Medical Image Translation With Adversarial Diffusion Models, IEEE TMI 2023, "
                "doi:10.1109/TMI.2023.3290149 (SynDiff)."),
    ("nnunet", "Isensee et al., nnU-Net, Nature Methods 2021, doi:10.1038/s41592-020-01008-z."),
)  # fmt: skip


def page(carried: Carried, command: str = "") -> str:
    """Return the page as HTML.

    Parameters
    ----------
    command
        That made it, to be shown.
    """
    labelled, images = carried.task.names
    title = f"Labels of {images}, carried from {labelled}"
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f"<p>{len(carried.images)} images labelled on {date.today().isoformat()} by napari-pseudolabel {_text(__version__)}. "
            f"{_text(carried.found.reason)}</p>",
            *_legend(carried),
            *_tried(carried.found),
            *_labelled(carried),
            *_to_correct(carried.images),
            *_assumed(carried),
            *_models(carried.models),
            *_cite(carried),
            *((f"<h2>Do it again</h2><p><code>{_text(command)}</code></p>",) if command else ()),
            "</body></html>\n",
        )
    )


def _legend(carried: Carried) -> Iterator[str]:
    swatches = "".join(
        f'<span class="swatch" style="background:{_text(one.color)}"></span>{_text(one.name)}'
        for one in with_colours(carried.found.classes)
        if one.value
    )
    yield f"<p>Colours:{swatches}</p>"


def _tried(found: FoundWay) -> Iterator[str]:
    yield "<h2>What was tried</h2>"
    place = found.places[0]
    yield (
        f"<p>Each way labelled the same part of {len(found.places)} of the images; the pictures show “{_text(place.image)}”. "
        "Nobody knows the truth there. How much mirrored looks agree (Dice) puts the ways into an order; how much other kinds "
        "of ways say the same is a check that tells nonsense. Neither is the quality. Agreements that differ by less than "
        f"{short(TIE)} are as good, and of those the cheapest way was taken. What is not judged needs no labels, and is never taken "
        "by itself: compare it by eye.</p>"
    )
    yield '<div class="cards">'
    yield _figure(data_uri(overlay(place.pixels, None, (), _PICTURE_PX)), "the image", "")
    for number in found.order:
        one = found.tried[number]
        if not one.possible:
            continue
        mark = (
            "chosen"
            if number == found.best
            else "good"
            if number in found.ties
            else "bad" * bool(one.reasons)
        )
        yield _figure(
            data_uri(overlay(place.pixels, one.labels[0], found.classes_of(number), _PICTURE_PX)),
            f"{_text(one.way.title)}<br>{_scores(one, mark)}",
            mark,
        )
    yield "</div>"
    if failed := [one for one in found.tried if not one.possible]:
        yield f"<p>Not possible: {'; '.join(f'{_text(one.way.title)} ({_text(one.words)})' for one in failed)}.</p>"


def _scores(one: TriedWay, mark: str) -> str:
    if one.scores is None:
        return f"{_text(one.words)} · <code>pseudolabel label … --strategy {_text(one.way.strategy)}</code> makes it"
    words = {"chosen": "chosen", "good": "as good"}.get(mark, "")
    parts = [
        f'<span class="mark">{words}</span>' if words else "",
        f"looks agree {short(one.scores.agreement)}",
        "" if one.scores.consensus is None else f"others say the same {short(one.scores.consensus)}",
        f"about {duration(one.cost)} per megapixel",
        f'<span class="warn">probably not usable: {_text("; ".join(one.reasons))}</span>'
        if one.reasons
        else "",
    ]
    return " · ".join(filter(None, parts))


def _labelled(carried: Carried) -> Iterator[str]:
    yield "<h2>What was labelled</h2>"
    rows = []
    for one in carried.images:
        usable = one.get("usable") or {}
        doubts = [*(usable.get("reasons") or ())]
        if not one.get("scale_found", True):
            doubts.append("how large things are was not found, and it was used as it is")
        picture = f'<img class="small" src="{one["picture"]}" alt="">' if one.get("picture") else ""
        rows.append(
            (
                picture,
                _text(one["name"]),
                _text(one.get("objects_in_words") or ""),
                _number(one.get("mean_confidence")),
                _number(one.get("agreement")),
                f'<span class="warn">{_text("; ".join(doubts))}</span>'
                if doubts
                else "nothing speaks against it",
            )
        )
    yield _table(("", "image", "objects", "mean confidence", "looks agree", "usable?"), rows)
    for name, why in carried.failed:
        yield f'<p class="warn">{_text(name)} could not be used: {_text(why)}</p>'
    yield from _judged(carried.images)


def _judged(images: Sequence[JsonObject]) -> Iterator[str]:
    """Tell what a person said of random objects and boxes, and what to do where nobody was asked."""
    told = [(one["name"], said) for one in images for said in (one.get("spot_checks") or ())[-1:]]
    yield "<p>Confidence and agreement are no quality: only a person can say how good the labels are.</p>"
    for name, said in told:
        mark = ' class="warn"' if said.get("void") else ""
        yield f"<p{mark}>{_text(name)}, spot check of {_text(said.get('begun') or '')}: {_text(said.get('sentence') or '')}</p>"
    if told:
        yield f"<p><small>{_text(RULE)}</small></p>"
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
        yield "<p>There is nothing to correct, because nothing was found.</p>"
        return
    yield (
        "<p>Where a minute of a person helps most, first of all images; in napari, <i>Correct</i> leads through all of them in "
        "this order.</p>"
    )
    yield '<div class="cards">'
    for name, region in regions[:_MOST_REGIONS]:
        y0, x0, y1, x1 = region["box"]
        words = (
            f"{_text(name)}, rows {y0} to {y1}, columns {x0} to {x1}<br>{_text(region['reason'])}; expected Dice "
            f"{short(region['quality'])}, about {duration(region['seconds'])}"
        )
        yield _figure(region["picture"], words, "")
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
            else f" <small>({_text(', '.join(names))})</small>"
        )
        yield f"<li>{_text(note)}{where}</li>"
    yield "</ul>"


def _models(models: Iterable[JsonObject]) -> Iterator[str]:
    yield "<h2>Models</h2>"
    rows = [
        (
            _text(one["role"]),
            _text(one["name"]),
            f"<code>{_text(one['ref'])}</code>",
            _text("; ".join(one.get("trained_on") or ())),
            _text(one.get("licence") or "not said"),
            f"<code>{_text(one['sha256'][:16])}</code>",
        )
        for one in models
    ]
    yield _table(("role", "name", "where", "learned from", "licence", "sha256"), rows)


def _cite(carried: Carried) -> Iterator[str]:
    families = {one.get("family") for one in carried.models}
    yield "<h2>How to cite</h2><ul>"
    for family, words in _CITED:
        if not family or family in families:
            yield f"<li>{_text(words.format(version=__version__))}</li>"
    for data in dict.fromkeys(it for one in carried.models for it in one.get("trained_on") or ()):
        yield f"<li>Data that a model learned from: {_text(data)}</li>"
    yield "</ul>"


def _figure(picture: str, caption: str, mark: str) -> str:
    return f'<figure class="{mark}"><img src="{picture}" alt=""><figcaption>{caption}</figcaption></figure>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{_text(one)}</th>" for one in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _number(value: object) -> str:
    return "" if not isinstance(value, float) else short(value)


def _text(value: object) -> str:
    """Text of files and cards, of which nothing may become a tag."""
    return escape(shown(value))


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
