"""Every sentence of the dock that depends on something."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.training.segmenter.fine_tune_task import NOTICEABLE_F1, FineTuneResult, gained_f1
from napari_pseudolabel.widgets.common.labelled_share import left_out_text
from napari_pseudolabel.widgets.train.train_choice import FastVersionChoice, TranslatorChoice

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.train.label_readiness import AnnotationCounts

NO_IMAGE = "Open an image: drag a file into the window, or use File ▸ Open Sample ▸ napari-pseudolabel."
NO_LABELS = "Make labels first: the Pseudo-label dock predicts them; correct a part of them, then come back."
COUNTING = "Looking at what is corrected …"

# Correlation of the grey values from which on one can say which way round they are.
_CLEAR = 0.3


def learns_from(counts: AnnotationCounts, name: str, start: str, pairs: int) -> str:
    """Return what a segmenter will learn from."""
    parts = []
    several = "1 more image" if counts.listed == 1 else f"{counts.listed} more images"
    if counts.listed:
        regions = "1 confirmed region" if counts.regions == 1 else f"{counts.regions} confirmed regions"
        parts.append(
            f"Learns from {regions} of {name} and {several} of the list; a quarter of each region is kept for validation."
        )
    elif counts.regions:
        regions = "1 confirmed region" if counts.regions == 1 else f"{counts.regions} confirmed regions"
        parts.append(
            f"Learns from {regions} of {name}, {percent(counts.share)} of its pixels; a quarter of each region is "
            "kept for validation."
        )
    elif counts.share:
        parts.append(
            f"{percent(counts.share)} of the pixels of {name} are corrected; no region is confirmed yet."
        )
    else:
        parts.append("Correct a part of the labels, then confirm it: View says that all you see is right.")
    if counts.left:
        first, why = counts.left[0]
        rest = f" (and {len(counts.left) - 1} more)" if len(counts.left) > 1 else ""
        parts.append(f"Not from {first}{rest}: {why.rstrip('.')}.")
    if pairs:
        parts.append("1 folder is added." if pairs == 1 else f"{pairs} folders are added.")
    if start:
        parts.append(f"Starts from {start}.")
    return " ".join(parts)


def confirmed(height: int, width: int, without: float) -> str:
    """Return what was confirmed, without a share of it that was never predicted."""
    what = "what is labelled in " if without else ""
    return f"Confirmed {what}{width} × {height} px.{left_out_text(without)}"


def why_no_translator(choice: TranslatorChoice) -> str | None:
    """Why a translator cannot be trained yet and what to do; None if it can."""
    if choice.target is None:
        return NO_IMAGE
    if not choice.source_layer and not choice.source_folder:
        return "Choose a folder, or open an image, of the other modality: … browses for a folder."
    if choice.pair is None and not all(choice.names):
        return "Name both modalities, such as TEM and SEM, or start from translators that know them."
    if choice.pair is None and choice.names[0].lower() == choice.names[1].lower():
        return f"Both modalities are called {choice.names[0]}; give them different names."
    return None


def why_no_fast_version(choice: FastVersionChoice, modality: str) -> str | None:
    """Why a fast version cannot be made yet and what to do; None if it can. `modality`: what the image shows, empty if unknown."""
    if choice.image is None:
        return NO_IMAGE
    if choice.translator is None:
        shown = f"{modality} images" if modality else "the image"
        return f"No translator that could be faster takes {shown}; open another image, or train a translator first."
    if choice.segmenter is None:
        return "Choose a segmenter of what the translator makes: its labels decide whether the fast version is as good."
    return None


def agreement(found: dict[str, float]) -> str:
    """Return how well the labels of a fast version agree with those of its translator so far."""
    told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
    return f"The labels agree so far: Dice {told}." if told else ""


def outcome(result: FineTuneResult, regions: int) -> str:
    """Old against new number, and what became of the new model."""
    before, best = result.before, result.best
    if result.checkpoint is None or before is None or best is None:
        return result.sentence
    digits = _digits(before.mean, best.mean)
    where = f" on {regions} validation region{'s' if regions > 1 else ''}" if regions else ""
    numbers = f"Dice: old {before.mean:.{digits}f}, new {best.mean:.{digits}f}{where}."
    if before.mean_f1 is not None and best.mean_f1 is not None:
        numbers += f" F1 of objects: old {before.mean_f1:.2f}, new {best.mean_f1:.2f}"
        numbers += (
            ", so compare the pictures."
            if result.promoted and gained_f1(before, best) <= -NOTICEABLE_F1
            else "."
        )
    if result.promoted:
        return f"{numbers} The new model is used from now on; the list below leads back."
    return f"{numbers} The old model stays in use; confirm more regions and train again."


def unfinished(step: int) -> str:
    """About a model whose training was cut off."""
    return f"The dock was closed during the training; this is its best model, of step {step:,}."


def file_name(ref: str) -> str:
    """Return what a model is called of which only the reference is known."""
    return Path(ref.rpartition(":")[2]).stem


def score_text(before: float | None, score: float | None) -> str:
    """Return the number of a model in the history, with the one it started from."""
    if score is None:
        return "no score"
    if before is None:
        return f"{score:.2f}"
    digits = _digits(before, score)
    return f"{before:.{digits}f}→{score:.{digits}f}"


def when(date: datetime, now: datetime) -> str:
    """Return a moment, as short as it is clear."""
    local, today = date.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%d %b}" if local.year == today.year else f"{local:%b %Y}"


def would_change(pixels: int, side: tuple[int, int]) -> str:
    """Return what a preview shows."""
    if not pixels:
        return "The new model would change nothing here."
    return f"The new model would change {pixels:,} of {side[0] * side[1]:,} pixels."


def previewed(step: int, best: bool, contrast: float) -> str:
    """Return what a preview of a translator shows; `contrast` (-1 to 1) is that of `training.translator.translation_measures`."""
    where = "This is what the translators make that the training starts from."
    if step:
        where = f"Step {step:,}: the best so far." if best else f"Step {step:,}."
    if abs(contrast) < _CLEAR:
        return where
    became = "Bright stays bright" if contrast > 0 else "Bright becomes dark"
    return f"{where} {became}, is that right?"


def kept_translators(names: Sequence[str]) -> str:
    """Return what became of trained translators."""
    return f"Kept as {' and '.join(names)}; the Pseudo-label dock offers them."


def _digits(one: float, other: float) -> int:
    """Decimals that tell two numbers apart, 4 at most."""
    return next((n for n in (2, 3) if f"{one:.{n}f}" != f"{other:.{n}f}"), 4)


def percent(share: float) -> str:
    """Return a share of pixels."""
    if share >= 0.0995:
        return f"{share:.0%}".replace("%", " %")
    return f"{share:.1%}".replace("%", " %") if share >= 0.001 else "less than 0.1 %"
