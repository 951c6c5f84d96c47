"""What pages about labels are made of: one HTML file that needs no other, in which nothing is fetched and nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from napari_pseudolabel import __version__
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.headline import short
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import shown

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc }
table { border-collapse: collapse } td, th { padding: .3em .7em; text-align: left; vertical-align: top; border-bottom: 1px solid #eee }
.number { text-align: right; font-variant-numeric: tabular-nums }
.cards { display: flex; flex-wrap: wrap; gap: 1em } figure { margin: 0; width: 250px } figcaption { font-size: .85em }
img { width: 240px; image-rendering: auto; border: 3px solid transparent } .chosen img { border-color: #0072B2 }
img.small { width: 140px } .good img { border-color: #56B4E9 } .bad img { opacity: .5 }
figure.wide { width: auto } figure.wide img { width: auto; max-width: 100% }
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


def whole_page(title: str, parts: Iterable[str]) -> str:
    """Return a page of parts, each HTML already, under a title, which is text."""
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{text(title)}</h1>",
            *parts,
            "</body></html>\n",
        )
    )


def legend(classes: Sequence[LabelClass]) -> str:
    """Return the colours of classes."""
    swatches = "".join(
        f'<span class="swatch" style="background:{text(one.color)}"></span>{text(one.name)}'
        for one in with_colours(classes)
        if one.value
    )
    return f"<p>Colours:{swatches}</p>"


def models_table(models: Iterable[JsonObject]) -> str:
    """Return what models took part; of each what is known."""
    rows = [
        (
            text(one.get("role") or ""),
            text(one.get("name") or ""),
            f"<code>{text(one.get('ref') or one.get('path') or '')}</code>",
            text("; ".join(one.get("trained_on") or ())),
            text(one.get("licence") or "not said"),
            f"<code>{text(str(one.get('sha256') or '')[:16])}</code>",
        )
        for one in models
    ]
    return table(("role", "name", "where", "learned from", "licence", "sha256"), rows)


def cited(models: Sequence[JsonObject]) -> Iterator[str]:
    """Yield how to cite what labels were made with; `models` say their ``family`` and what they were ``trained_on``."""
    families = {one.get("family") for one in models}
    yield "<h2>How to cite</h2><ul>"
    for family, words in _CITED:
        if not family or family in families:
            yield f"<li>{text(words.format(version=__version__))}</li>"
    for data in dict.fromkeys(it for one in models for it in one.get("trained_on") or ()):
        yield f"<li>Data that a model learned from: {text(data)}</li>"
    yield "</ul>"


def spot_check_line(said: JsonObject, whose: str = "") -> str:
    """Return what a person said of a random sample; in red where labels have changed since."""
    mark = ' class="warn"' if said.get("void") else ""
    before = f"{text(whose)}, spot check of" if whose else "Spot check of"
    return f"<p{mark}>{before} {text(said.get('begun') or '')}: {text(said.get('sentence') or '')}</p>"


def figure(picture: str, caption: str, mark: str) -> str:
    """Return a picture with its caption, which is HTML already."""
    return f'<figure class="{mark}"><img src="{picture}" alt=""><figcaption>{caption}</figcaption></figure>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the head is text, the cells are HTML already."""
    top = "".join(f"<th>{text(one)}</th>" for one in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def number(value: object) -> str:
    """Return a number with few digits; empty for what is none."""
    return "" if not isinstance(value, float) else short(value)


def text(value: object) -> str:
    """Return text of files and cards, of which nothing may become a tag."""
    return escape(shown(value))
