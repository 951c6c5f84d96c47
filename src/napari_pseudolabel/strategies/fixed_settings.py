"""Settings that a strategy, or a model, has no use for: what it does instead, and the sentence for whoever asks for something else.

Of strategies they are declared with the strategy, and nowhere else: its jobs follow it, shell and Python refuse what would do nothing, and
the dock shows no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import OptionField, changed, options_of
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.survey import Survey


@dataclass(frozen=True)
class FixedSetting:
    """A setting that changes nothing.

    Attributes
    ----------
    key
        Of the `OptionField` in `LabelSettings`.
    value
        What it is in every job.
    why
        What the strategy does, to follow its name in a sentence.
    """

    key: str
    value: object
    why: str

    @property
    def field(self) -> OptionField:
        """The option."""
        (found,) = (one for one in options_of(LabelSettings) if one.key == self.key)
        return found


NOT_TRANSLATED = tuple(
    FixedSetting(key, value, "does not translate the images")
    for key, value in (("samples", 1), ("mode", "tiled"), ("evaluations", "auto"))
)
"""Of all that translate no image."""
UNMIRRORED = FixedSetting("flips", 0, "does not look at mirrored images")
NO_SEARCH = FixedSetting("find_scale", "never", "looks for no scale")
NO_OBJECT_SIZE = FixedSetting(
    "scale_object_size_px", None, "compares no size of objects with that of a model"
)
AS_A_WHOLE = FixedSetting("scale_factor", 1.0, "looks at the image as a whole")
NO_SMALLEST = FixedSetting(
    "smallest_object", LabelSettings().smallest_object, "does not know how large objects are"
)


def with_fixed(settings: LabelSettings, fixed: Iterable[FixedSetting]) -> LabelSettings:
    """Return settings as a strategy follows them."""
    found: LabelSettings = changed(settings, {one.field.path: one.value for one in fixed})
    return found


def refuse_unused(
    word: str,
    settings: LabelSettings,
    fixed: Iterable[FixedSetting],
    *,
    flags: bool = False,
) -> None:
    """Refuse what a person asks for and would not get.

    Parameters
    ----------
    word
        Name of the strategy.
    flags
        The sentence is for the shell, where settings are flags.

    Raises
    ------
    InputError
        If a setting is neither as usual nor as it would be.
    """
    for one in fixed:
        asked = one.field.of(settings)
        if asked not in (one.value, one.field.default):
            name = one.field.flag if flags else ".".join(one.field.path)
            raise InputError(f"{word} {one.why}; leave out {name}.")


def unused_by_models(settings: LabelSettings, survey: Survey) -> tuple[str, ...]:
    """Return sentences about what was asked for and changes nothing with these models, which are known only when they are loaded."""
    usual, translator, segmenter = LabelSettings(), survey.translator, survey.segmenter
    notes = []
    thorough = settings.samples == 1 and settings.evaluations in ("quality", "fast")
    if thorough and translator is not None and translator.steps == 1:
        notes.append(f"{translator.use.name} translates in one step, so evaluations do not matter.")
    alone = next((one for one in survey.segmenters if one.own_objects), None)
    if alone is not None and settings.flips not in (0, usual.flips):
        notes.append(f"{alone.use.name} tells objects apart itself, so no mirrored image was looked at.")
    if segmenter is not None and settings.smallest_object not in (0, usual.smallest_object):
        source = segmenter.card.source
        if source is None or source.object_size_px is None:
            notes.append(
                f"{segmenter.use.name} does not say how large its objects are, so none was left out as too small."
            )
    return tuple(notes)
