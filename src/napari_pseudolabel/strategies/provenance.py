"""How labels were made, written into their provenance, and read back from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast, get_args

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.refitting import ConfidenceFit
from napari_pseudolabel.options import read
from napari_pseudolabel.strategies.description import RunReport
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Role
from napari_pseudolabel.strategies.registry import get
from napari_pseudolabel.strategies.strategy import Strategy

_INSTEAD = "label the image in the Pseudo-label dock again"
# Beside them stands the seed. Where one is missing, runs did at that time what stands in the second line.
_SETTINGS = [one.name for one in fields(LabelSettings) if one.name != "seed"]
_BEFORE = {"mode": "joint", "smallest_object": 0.0, "flips": 0, "evaluations": "quality"}


@dataclass(frozen=True)
class Record:
    """All that is needed to do a run again on the same image.

    Attributes
    ----------
    strategy
        Name of one in the registry.
    models
        In the order in which an image meets them; a tutor first.
    settings
        As they were asked for.
    factor
        Pixels on the grid of the first model per pixel of the image.
    modality
        What the image shows; empty if unknown.
    options
        The strategy's own; None without.
    found
        The scale, where it was looked for; a run that is done again does not look once more.
    confidence
        The temperature behind the confidence; None in older versions, and after a mere translation.
    """

    strategy: str
    models: tuple[ModelUse, ...]
    settings: LabelSettings = field(default_factory=LabelSettings)
    factor: float = 1.0
    modality: str = ""
    options: Any = None
    found: FoundScale | None = None
    confidence: ConfidenceFit | None = None

    @property
    def scale(self) -> Scale:
        """How the image was brought to the grid of the models: as it was asked for, or as it was found."""
        return self.settings.scale if self.found is None else Scale(factor=self.factor)

    @property
    def translator(self) -> ModelUse | None:
        """What the image went through before it was segmented; None where the segmenter saw it as it is."""
        return self._first("translator")

    @property
    def tutor(self) -> ModelUse | None:
        """What made the images that the segmenters learned from."""
        return self._first("tutor")

    @property
    def features(self) -> ModelUse | None:
        """The translator whose features were used."""
        return self._first("features")

    @property
    def segmenter(self) -> ModelUse | None:
        """The first segmenter; None after a mere translation."""
        return self._first("segmenter")

    @property
    def second_opinions(self) -> tuple[ModelUse, ...]:
        """Further segmenters."""
        return tuple(model for model in self.models if model.role == "second opinion")

    @classmethod
    def of(cls, report: RunReport) -> Record:
        """Return what has to be known of a run to do it again."""
        return cls(
            report.strategy,
            report.models,
            report.settings,
            report.factor,
            report.modality,
            report.options,
            report.found,
            report.confidence,
        )

    @classmethod
    def from_provenance(cls, found: Mapping[str, object]) -> Record:
        """Read what `RunReport.provenance` wrote, or an older version did.

        Older versions called the tutor of segmenters a translator, and did not note every setting.

        Raises
        ------
        InputError
            If it is not said how the labels were made, or it cannot be understood.
        """
        try:
            return _read(found)
        except (TypeError, ValueError, KeyError, AttributeError, InputError) as error:
            if isinstance(error, _Unknown):
                raise
            raise InputError(f"How these labels were made cannot be read ({error}); {_INSTEAD}.") from error

    def _first(self, role: Role) -> ModelUse | None:
        return next((model for model in self.models if model.role == role), None)


class _Unknown(InputError):
    """The sentence says everything."""


def strategy_of(found: Mapping[str, object]) -> str:
    """Return the strategy that provenance names; empty where it names none."""
    strategy = found.get("strategy")
    return strategy if isinstance(strategy, str) else ""


def _read(found: Mapping[str, Any]) -> Record:
    name = strategy_of(found)
    if not name:
        raise _Unknown(f"These labels do not say by which strategy they were made; {_INSTEAD}.")
    strategy = get(name)
    if strategy is None:
        raise _Unknown(
            f"These labels were made by the strategy “{name}”, which this version does not know; {_INSTEAD}."
        )
    models = tuple(_model(one, strategy) for one in _listed(found.get("models") or ()))
    roles = [model.role for model in models]
    for role in strategy.recorded:
        if role not in roles:
            raise _Unknown(f"These labels do not say which {role} made them; {_INSTEAD}.")
    if "translator" in roles and "translator" not in strategy.recorded:
        raise ValueError(f"a translator has no part in {name}")
    parameters = found.get("parameters") or {}
    source = found.get("source") or {}
    given = {name: parameters[name] for name in _SETTINGS if parameters.get(name) is not None}
    if "tiles" not in given:
        # Those that were used make the same labels.
        given["tiles"] = {name: parameters.get(name) for name in ("tile", "overlap")}
    settings = read(LabelSettings, {**_BEFORE, **given, "seed": found.get("seed") or 0})
    return Record(
        name,
        models,
        settings,
        float(_given(parameters, "factor", 1.0)),
        str(source.get("modality") or ""),
        _options(parameters.get("options"), strategy),
        _found(parameters),
        read(ConfidenceFit, parameters["confidence"]) if parameters.get("confidence") else None,
    )


def _found(parameters: Mapping[str, Any]) -> FoundScale | None:
    if parameters.get("found") is not None:
        found: FoundScale = read(FoundScale, parameters["found"])
        return found
    if "find_scale" in parameters:
        return None
    return FoundScale(1.0, sure=False, why="the version that made these labels did not look for it")


def _options(found: object, strategy: Strategy) -> Any:
    if found is None:
        return None
    if strategy.options is None:
        raise ValueError(f"{strategy.name} has no options")
    if strategy.preparation is not None and isinstance(found, Mapping):
        # What was prepared is named itself; how older versions called its options does not matter any more.
        names = {one.name for one in fields(strategy.options)}
        found = {name: value for name, value in found.items() if name in names}
    return read(strategy.options, found)


def _given(parameters: Mapping[str, object], name: str, otherwise: object) -> Any:
    value = parameters.get(name)
    return otherwise if value is None else value


def _listed(models: object) -> Iterable[Mapping[str, object]]:
    """Models as a list, or by role as some sidecars have them."""
    if isinstance(models, Mapping):
        return [{"role": role, **model} for role, model in models.items() if model is not None]
    return cast(Iterable[Mapping[str, Any]], models)


def _model(found: Mapping[str, object], strategy: Strategy) -> ModelUse:
    role, path = found["role"], str(found.get("path") or "")
    if strategy.preparation and strategy.preparation.makes == "segmenter" and role == "translator":
        role = "tutor"
    if role not in get_args(Role):
        raise ValueError(f"“{role}” is no role of a model")
    if not path:
        raise _Unknown(f"These labels do not say where their {role} is; {_INSTEAD}.")
    return ModelUse(cast(Role, role), str(found.get("name") or path), path, str(found.get("sha256") or ""))
