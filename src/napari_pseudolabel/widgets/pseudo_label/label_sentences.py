"""Every sentence of the dock that depends on something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import takewhile
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Progress
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import fast_told
from napari_pseudolabel.models.fitting import ANOTHER, channel_misfit, channels_of, expects, first_misfit
from napari_pseudolabel.models.headline import headline
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.regions.region_options import NamedRegionOptions
from napari_pseudolabel.strategies.strategy import Strategy
from napari_pseudolabel.widgets.common.labelled_share import labelled_text
from napari_pseudolabel.widgets.pseudo_label.label_choice import (
    LabelChoice,
    ModelEntry,
    ShownModality,
)
from napari_pseudolabel.wording import shown

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import RunReport
    from napari_pseudolabel.widgets.pseudo_label.label_jobs import ObjectCounts

_UNKNOWN = "Say above what this image shows, and models are proposed for it; or choose them yourself."
NOTHING = "Nothing was labelled."


BUSY = "Something is being prepared; all images can be labelled when it is done, or cancelled."


def why_not(
    choice: LabelChoice,
    *,
    loading: bool,
    image_problem: str | None,
    translator: ModelEntry | None,
    segmenter: ModelEntry | None,
    has_shape: bool,
    preparing: Callable[[], str | None] = lambda: None,
    modality: str = "",
    known: bool = True,
    fits: bool = True,
) -> str | None:
    """Why the main button cannot be pressed and what to do; None if it can.

    Parameters
    ----------
    preparing
        The same about what is done before labelling, where the strategy does something.
    modality
        What the image shows; empty if unknown.
    known
        Whether some model is made for images of this modality.
    fits
        False where `misfits` says something.
    """
    if choice.layer is None:
        return "Open an image: drag a file into the window, or use File ▸ Open Sample ▸ napari-pseudolabel."
    if image_problem:
        return image_problem
    if loading:
        return "Looking for models …"
    strategy = registry.find(choice.strategy)
    models = (
        _why_not_models(strategy, translator, segmenter, modality, known=known, fits=fits)
        if strategy.preparation is None and not strategy.chooses
        else preparing()
    )
    if models is not None:
        return models
    if lacking := strategy.lacking(choice.options):
        return lacking
    if choice.where == "shape" and not has_shape:
        return "Add a Shapes layer and draw a shape around what shall be labelled, or choose View or All."
    return None


def _wanted(modality: str) -> str:
    """Return what a model has to take, in words."""
    return modality if modality not in ("", ANOTHER) else "images like yours"


def _why_not_models(
    strategy: Strategy,
    translator: ModelEntry | None,
    segmenter: ModelEntry | None,
    modality: str,
    *,
    known: bool,
    fits: bool,
) -> str | None:
    """Why the models cannot do what the strategy does; None if they can."""
    chosen = [translator if role == "translator" else segmenter for role in strategy.roles]
    if not known and chosen[:1] == [None]:
        return _unknown_kind(modality)
    if strategy.takes("translator"):
        if translator is None and not modality:
            return _UNKNOWN
        if translator is None:
            return f"Choose a translator that takes {_wanted(modality)}; … opens a checkpoint file."
        if translator.problem:
            return translator.problem
    if strategy.takes("segmenter"):
        if segmenter is None:
            return _no_segmenter(translator if strategy.takes("translator") else None, modality)
        if segmenter.problem:
            return segmenter.problem
    return None if fits else "These do not fit each other; what to do stands above, under the model."


def choose_objects(modality: str) -> str:
    """Say what decides which ways are tried, where no model is made for such images."""
    if not modality:
        return "Say above what this image shows, or choose what to look for."
    return f"No model here knows {_kind(modality)}. Choose what to look for: all that finds such in other images is tried."


def _kind(modality: str) -> str:
    return "this kind of image" if modality == ANOTHER else f"{modality} images"


def _unknown_kind(modality: str) -> str:
    """Say what remains where no model is made for such images."""
    return (
        f"No model here knows {_kind(modality)}. What remains: a translator that changes grey levels only, which the dock Train "
        "makes in seconds (Translator, Start from: Grey levels), or models of your own (…)."
    )


def misfits(met: Sequence[ModelEntry | None], modality: str, name: str, channels: int = 1) -> dict[str, str]:
    """Return what is said under which model, because it does not take what it is given.

    Parameters
    ----------
    met
        The models in the order in which the image meets them.
    modality, name, channels
        Of the image; empty if unknown.
    """
    # What comes after a model that is not chosen yet sees nobody knows what.
    met = [*takewhile(lambda entry: entry is not None and not entry.problem, met)]
    chosen = [entry for entry in met if entry is not None]
    found = first_misfit([entry.link for entry in chosen], modality, name)
    if found is not None:
        return {found[0].kind: found[1]}
    taken = [(entry.title, channels_of(entry.card)) for entry in chosen if entry.card is not None]
    translates = bool(chosen) and chosen[0].kind == "translator"
    wrong = (
        channel_misfit(taken, name, channels, translates=translates) if len(taken) == len(chosen) else None
    )
    return {} if wrong is None else {chosen[wrong[0]].kind: wrong[1]}


def _no_segmenter(translator: ModelEntry | None, modality: str) -> str:
    if translator is None and not modality:
        return _UNKNOWN
    if translator is None:
        return f"Choose a segmenter trained on {_wanted(modality)}; … opens a checkpoint file."
    makes = translator.target
    if not makes:
        return "Choose a segmenter trained on what the translator makes; … opens a checkpoint file."
    return f"Choose a segmenter: the translator makes {makes} images, so one trained on {makes}."


def assumption(shown: ShownModality, entry: ModelEntry | None) -> str:
    """Return that nothing tells what the image shows, and what is taken for granted then; empty if something does."""
    if shown.modality:
        return ""
    taken = (
        f"; until you choose, it is taken for {entry.source}." if entry is not None and entry.source else "."
    )
    return f"Nothing tells what this image shows{taken}"


def summary(entry: ModelEntry | None) -> str:
    """One line about a model."""
    if entry is None:
        return ""
    if entry.problem:
        return "cannot be used; see the message below"
    card = entry.card
    if card is None:
        return "looking into the file …"
    parts = [f"for {expects(card)}"]
    if measured := headline(card):
        parts.append(measured)
    elif card.kind == "translator":
        parts.append(f"makes {entry.target or 'an unknown kind'}")
    else:
        names = ", ".join(label_class.name for label_class in card.classes if label_class.value)
        parts.append(names or "classes unknown")
    return " · ".join(parts)


def tooltip(entry: ModelEntry | None, role: str) -> str:
    """Everything worth knowing about a model, as a tooltip."""
    if entry is None:
        return f"<p>{escape(role)}</p>"
    rows = [("File", entry.ref)]
    if entry.card:
        rows += _card_rows(entry.card)
    table = "".join(
        f"<tr><td>{escape(k)}&nbsp;&nbsp;</td><td>{escape(shown(v))}</td></tr>" for k, v in rows if v
    )
    about = f"<p>{escape(shown(entry.card.description))}</p>" if entry.card and entry.card.description else ""
    return f"<p>{escape(role)}</p><p><b>{escape(shown(entry.title))}</b></p>{about}<table>{table}</table>"


def _card_rows(card: Card) -> list[tuple[str, str]]:
    source, target = card.source, card.target
    rows = [
        ("Takes", source.name if source else ""),
        ("Makes", target.name if target else ""),
        ("Classes", ", ".join(label_class.name for label_class in card.classes)),
        ("Pixel size", f"{source.pixel_size_um:.3g} µm" if source and source.pixel_size_um else ""),
        ("Object size", f"{source.object_size_px:.3g} px" if source and source.object_size_px else ""),
        ("Trained on", ", ".join(card.training.data)),
        ("Licence", card.licence or card.training.licence),
        ("Still unknown", ", ".join(card.missing)),
        ("Fast translation", fast_told(card)),
    ]
    return rows + [(measure.metric, f"{measure.value:.3f} on {measure.data}") for measure in card.quality]


def progress_text(progress: Progress) -> str:
    """Return what is being done, how far it is and how long it will take."""
    parts = [progress.stage]
    if progress.total > 1:
        parts.append(f"{100 * progress.done // progress.total} %")
    if progress.seconds_left is not None and progress.done:
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """About how long."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def expected_text(view_s: float | None, whole_s: float) -> str:
    """Return how long it will take, such as "About 40 s for the view; about 25 min for the whole image".

    Parameters
    ----------
    view_s
        None where nothing is in view.
    """
    whole = f"{duration(whole_s)} for the whole image."
    told = whole if view_s is None or view_s > 0.9 * whole_s else f"{duration(view_s)} for the view; {whole}"
    return told[0].upper() + told[1:]


def outcome_text(report: RunReport, counts: ObjectCounts | None, *, preview: bool, share: float = 1.0) -> str:
    """Return what came out, and what to do next.

    Parameters
    ----------
    counts
        None while the objects are still being counted.
    share
        Of the image that is labelled now, in [0, 1].
    """
    if not share:  # the notes say why
        return NOTHING
    if _to_be_named(report) and not preview:
        took = f"Took {duration(report.seconds)[6:]}."
        told = (
            "Regions ready, none of them named yet.",
            labelled_text(share),
            took,
            "→ Correct, Name regions",
        )
        return " ".join(filter(None, told))
    ready = "Labels made, but probably not usable; see below." if report.doubts else "Labels ready."
    parts = ["Preview of the view." if preview else ready, *filter(None, (labelled_text(share),))]
    if counts is not None:
        from napari_pseudolabel.labels.objects import census_text  # takes a while to import

        parts += filter(None, (census_text(counts.counts),))
        if counts.confidence is not None and not report.doubts:
            parts.append(f"Mean confidence {counts.confidence:.2f}.")
    if report.agreement is not None:
        parts.append(f"The looks agree {report.agreement:.2f}.")
    if not preview and counts is not None and counts.doubtful and not report.doubts:
        many = f"regions {'are' if counts.doubtful > 1 else 'is'}" if counts.regions > 1 else "region is"
        parts.append(f"{counts.doubtful} of {counts.regions} {many} worth a look in the dock Correct.")
    if not preview:
        parts.append(f"Took {duration(report.seconds)[6:]}.")
        if not report.doubts:  # then another try is better than any painting
            parts.append("Paint on the labels layer to correct them; a new run keeps what you painted.")
    return " ".join(parts)


def _to_be_named(report: RunReport) -> bool:
    """Whether what was made are regions that a person has yet to name."""
    strategy = registry.get(report.strategy)
    own = None if strategy is None else strategy.options
    return own is not None and issubclass(own, NamedRegionOptions)


def slide_text(report: RunReport, folder: str) -> str:
    """Return what came out of a run on an image whose labels are on the disk, and what to do next."""
    ready = "Labels made, but probably not usable; see below." if report.doubts else "Labels ready."
    agree = "" if report.agreement is None else f" The looks agree {report.agreement:.2f}."
    return (
        f"{ready}{agree} Took {duration(report.seconds)[6:]}. They are in {folder}. Zoom in and press “Correct what is in view” to "
        "paint; a new run keeps what you painted."
    )


def stopped_text(parts: int, share: float = 1.0) -> str:
    """Say that a run was cancelled after some parts of the image had arrived; `share` of it is labelled now."""
    arrived = "The part that was" if parts == 1 else f"The {parts} parts that were"
    return f"Stopped. {arrived} labelled stay; Undo takes them back. {labelled_text(share)}".strip()


def gone_text(name: str, *, labels: bool) -> str:
    """Say that a layer was removed in the middle of a run."""
    if labels:
        return f"Stopped, because the labels “{name}” were removed while they were being made; Run makes them again."
    return f"Stopped, because the image “{name}” was removed while it was being labelled."


def agreed(strategy: str, dice: float) -> str:
    """How well two strategies agree, and where to see the other one."""
    return (
        f"The {strategy} labels agree {dice:.2f} with these in this view. "
        f"They are kept as the candidate “{strategy}” in the dock Correct."
    )


def how(strategies: Sequence[Strategy]) -> str:
    """Return what the list of strategies offers."""
    told = (f"“{one.title}” ({one.word.lower()}) {one.does}" for one in strategies)
    return f"How the labels are made, the strategy: {'; '.join(told)}."
