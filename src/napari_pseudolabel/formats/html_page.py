"""A page about one image: for a colleague, a notebook or a supplement; it is looked at, and no labels are read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pseudolabel.types import Array, JsonObject

_PICTURE_PX = 1300
_DARKER = 0.4  # of what is not labelled
_SURE, _UNSURE = 0.9, 0.7


def write(path: Path, content: FileContent) -> None:
    """Write picture, counts, measures, confidence, spot checks, provenance and how to cite; one file that needs no other."""
    from napari_pseudolabel.formats.page_parts import cited, legend, models_table, whole_page

    told = content.provenance
    models = _models(told)
    parts = (
        *_picture(content),
        legend(content.named),
        *_counted(content),
        *_sure(content),
        *_checked(told),
        "<h2>How they were made</h2>",
        *_made(told),
        *((models_table(models),) if models else ()),
        *cited(models),
    )
    title = f"Labels of {content.source_file}"
    path.write_text(whole_page(title, parts), encoding="utf-8", newline="\n")


def _models(told: Mapping[str, object]) -> list[JsonObject]:
    found = told.get("models") or ()
    if isinstance(found, Mapping):
        return [{"role": role, **one} for role, one in found.items() if one]
    return [dict(one) for one in found]  # type: ignore[attr-defined]


def _picture(content: FileContent) -> Iterator[str]:
    """Show the image with the outlines of the objects, and alone where it is there."""
    from napari_pseudolabel.formats.page_parts import figure
    from napari_pseudolabel.labels.pictures import data_uri, overlay

    plane = content.planes[len(content.planes) // 2]
    where = f" (plane {' '.join(map(str, plane))} of a stack)" if len(content.planes) > 1 else ""
    grey = _grey(content, plane)
    yield '<div class="cards">'
    yield figure(data_uri(_outlined(content, plane, grey)), f"outlines of the objects{where}", "wide")
    if content.source is not None:
        yield figure(data_uri(overlay(grey, None, (), _PICTURE_PX)), f"the image{where}", "wide")
    yield "</div>"
    if content.labelled is not None and not content.labelled.all():
        yield f"<p>{content.labelled.mean():.1%} of the pixels are labelled; what is darker is not, and counts nowhere.</p>"


def _grey(content: FileContent, plane: tuple[int, ...]) -> NDArray[np.floating]:
    import numpy as np

    from napari_pseudolabel.imaging.normalisation import intensity_range, normalise

    assert content.labels is not None
    if content.source is None:
        return np.zeros(content.labels.shape[-2:], np.float32)
    return normalise(content.source.plane(plane), intensity_range(content.source))


def _outlined(content: FileContent, plane: tuple[int, ...], grey: NDArray[np.floating]) -> NDArray[np.uint8]:
    import numpy as np

    from napari_pseudolabel.formats.object_parts import named_classes, rgb_of
    from napari_pseudolabel.labels.pictures import overlay

    assert content.labels is not None
    picture = overlay(grey, None, (), _PICTURE_PX)
    step = -(-max(grey.shape) // _PICTURE_PX)
    labels, numbers = (one[plane][::step, ::step] for one in (content.labels, content.instances))
    if content.labelled is not None:
        dark = ~content.labelled[plane][::step, ::step]
        picture[dark] = (_DARKER * picture[dark]).astype(np.uint8)
    border = (numbers > 0) & (_borders(numbers) | _borders(labels))
    classes = named_classes(content)
    for one in classes:
        there = border if content.numbered else border & (labels == one.value)
        picture[there] = rgb_of(one)
    return picture


def _borders(values: Array) -> NDArray[np.bool_]:
    """Pixels whose neighbour below or on the right has another value, or is outside."""
    import numpy as np

    found = np.ones(values.shape, bool)
    found[:-1, :-1] = (values[:-1, :-1] != values[1:, :-1]) | (values[:-1, :-1] != values[:-1, 1:])
    found[:-1, -1] = values[:-1, -1] != values[1:, -1]
    found[-1, :-1] = values[-1, :-1] != values[-1, 1:]
    return found


def _counted(content: FileContent) -> Iterator[str]:
    """Say how many objects there are, and what they measure together."""
    import numpy as np

    from napari_pseudolabel.formats.measured_content import measured
    from napari_pseudolabel.formats.page_parts import table, text
    from napari_pseudolabel.labels.measures import TOTALS
    from napari_pseudolabel.labels.objects import census, census_text

    assert content.labels is not None
    yield "<h2>What was found</h2>"
    if not content.numbered:
        known: NDArray[np.integer] = np.asarray(content.labels)
        known = known if content.labelled is None else np.where(content.labelled, known, 0)
        yield f"<p>{text(census_text(census(known, content.named, aspect=content.placement.pixel_aspect)))}</p>"
    try:
        found = measured(content, check=content.control.check)
    except InputError as error:
        yield f"<p>{text(error)}</p>"
        return
    columns = TOTALS[found.kind]
    for totals in found.totals:
        rows = [
            (
                text(one.spoken(found.spacing is not None)),
                f'<span class="number">{_value(totals[one.name])}</span>',
                text(one.definition),
            )
            for one in columns
        ]
        yield table(("measure", "value", "what it is"), rows)
    yield from (f"<p><small>{text(note)}</small></p>" for note in found.notes)


def _value(value: object) -> str:
    from napari_pseudolabel.formats.page_parts import text

    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else text(value)


def _sure(content: FileContent) -> Iterator[str]:
    import numpy as np

    if content.confidence is None:
        return
    values: NDArray[np.floating] = np.asarray(content.confidence)
    there = np.isfinite(values)
    if content.labelled is not None:
        there &= content.labelled
    sure = values[there]
    if sure.size:
        yield (
            f"<p>The models are sure of a pixel by {sure.mean():.2f} on average; of {np.mean(sure >= _SURE):.1%} by {_SURE:g} or more, of "
            f"{np.mean(sure < _UNSURE):.1%} by less than {_UNSURE:g}. That is no quality: only a person can say how good labels are.</p>"
        )


def _checked(told: Mapping[str, object]) -> Iterator[str]:
    from napari_pseudolabel.formats.page_parts import spot_check_line, text
    from napari_pseudolabel.labels.spot_check.spot_statement import RULE

    yield "<h2>How good they are</h2>"
    checks: list[JsonObject] = list(told.get("spot_checks") or ())  # type: ignore[call-overload]
    yield from map(spot_check_line, checks)
    yield (
        f"<p><small>{text(RULE)}</small></p>"
        if checks
        else "<p>Nobody has said; <i>Correct &gt; Spot check</i> in napari asks about random objects.</p>"
    )


def _made(told: Mapping[str, object]) -> Iterator[str]:
    from napari_pseudolabel.formats.page_parts import table, text

    shares = {
        "corrected or confirmed by a person": told.get("share_corrected"),
        "labelled": told.get("share_labelled"),
    }
    parameters = told.get("parameters")
    facts = {
        "strategy": told.get("strategy") or "not known",
        "date": told.get("date"),
        "seed": told.get("seed"),
        **{name: f"{one:.1%}" for name, one in shares.items() if isinstance(one, float)},
        **(parameters if isinstance(parameters, Mapping) else {}),
    }
    rows = [(text(name), text(value)) for name, value in facts.items() if value is not None]
    yield table(("", ""), rows)


HTML_PAGE = Format(
    name="html",
    title="HTML page",
    what="picture with outlines, counts, sums of measures, confidence, spot checks, provenance and how to cite; no labels to be read",
    readers="browsers",
    suffixes=(".html",),
    write=write,
    bytes_per_pixel=60,
    rest="darker, and in no count",
    source="wanted",
)
