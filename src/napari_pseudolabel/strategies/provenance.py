"""How labels were made, written into their provenance, and read back from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast, get_args

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.strategies.settings import LabelSettings, ModelUse, Role
from napari_pseudolabel.tiling import TileSettings

# What each strategy cannot do without.
_NEEDED: dict[str, tuple[Role, ...]] = {
    "segmentation": ("segmenter",),
    "adaptation": ("translator", "segmenter"),
    "tutorship": ("segmenter",),
    "translation": ("translator",),
}
_SETTINGS = ("samples", "flips", "smallest_object", "mode")
_INSTEAD = "label the image in the Pseudo-label dock again"


@dataclass(frozen=True)
class Record:
    """All that is needed to do a run again on the same image.

    Attributes
    ----------
    strategy
        "segmentation", "adaptation", "tutorship" or "translation".
    models
        In the order in which an image meets them; a tutor first.
    settings
        As they were asked for.
    factor
        Pixels on the grid of the first model per pixel of the image.
    modality
        What the image shows; empty if unknown.
    """

    strategy: str
    models: tuple[ModelUse, ...]
    settings: LabelSettings = field(default_factory=LabelSettings)
    factor: float = 1.0
    modality: str = ""

    @property
    def translator(self) -> ModelUse | None:
        """What the image went through before it was segmented; None where the segmenter saw it as it is."""
        return self._first("translator")

    @property
    def tutor(self) -> ModelUse | None:
        """What made the images that the segmenters learned from."""
        return self._first("tutor")

    @property
    def segmenter(self) -> ModelUse | None:
        """The first segmenter; None after a mere translation."""
        return self._first("segmenter")

    @property
    def second_opinions(self) -> tuple[ModelUse, ...]:
        """Further segmenters, and further proxies of a tutorship."""
        return tuple(one for one in self.models if one.role == "second opinion")

    def fields(self) -> dict[str, Any]:
        """The record as JSON-able fields of provenance."""
        settings = self.settings
        return {
            "source": {"modality": self.modality},
            "models": [asdict(model) for model in self.models],
            "strategy": self.strategy,
            "seed": settings.seed,
            "parameters": {
                **{name: getattr(settings, name) for name in _SETTINGS},
                "scale": asdict(settings.scale),
                "channel": settings.channel,
                "tiles": asdict(settings.tiles),
                "factor": self.factor,
            },
        }

    @classmethod
    def from_provenance(cls, found: Mapping[str, Any]) -> Record:
        """Read what `fields` wrote, or an older version did.

        Older versions called the tutor of a tutorship its translator, and did not note every setting.

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
        return next((one for one in self.models if one.role == role), None)


class _Unknown(InputError):
    """The sentence says everything."""


def strategy_of(found: Mapping[str, Any]) -> str:
    """The strategy that provenance names; empty where it names none."""
    strategy = found.get("strategy")
    return strategy if isinstance(strategy, str) else ""


def _read(found: Mapping[str, Any]) -> Record:
    strategy = strategy_of(found)
    if not strategy:
        raise _Unknown(f"These labels do not say by which strategy they were made; {_INSTEAD}.")
    if strategy not in _NEEDED:
        raise _Unknown(
            f"These labels were made by the strategy “{strategy}”, which this version does not know; {_INSTEAD}."
        )
    models = tuple(_model(one, strategy) for one in _listed(found.get("models") or ()))
    roles = [one.role for one in models]
    for role in _NEEDED[strategy]:
        if role not in roles:
            raise _Unknown(f"These labels do not say which {role} made them; {_INSTEAD}.")
    if strategy != "adaptation" and strategy != "translation" and "translator" in roles:
        raise ValueError(f"a translator has no part in {strategy}")
    # Where a setting is missing, runs did at that time what stands behind it here.
    parameters = found.get("parameters") or {}
    source = found.get("source") or {}
    mode = _given(parameters, "mode", "joint")
    if mode not in ("joint", "tiled"):
        raise ValueError(f"“{mode}” is no mode")
    settings = LabelSettings(
        samples=int(_given(parameters, "samples", 1)),
        flips=int(_given(parameters, "flips", 0)),
        smallest_object=float(_given(parameters, "smallest_object", 0.0)),
        mode=mode,
        seed=int(found.get("seed") or 0),
        scale=Scale(**(parameters.get("scale") or {})),
        tiles=_tiles(parameters),
        channel=_channel(parameters.get("channel")),
    )
    return Record(
        strategy,
        models,
        settings,
        float(_given(parameters, "factor", 1.0)),
        str(source.get("modality") or ""),
    )


def _given(parameters: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = parameters.get(name)
    return otherwise if value is None else value


def _listed(models: Any) -> Iterable[Mapping[str, Any]]:
    """Models as a list, or by role as some sidecars have them."""
    if isinstance(models, Mapping):
        return [{"role": role, **one} for role, one in models.items() if one is not None]
    return cast(Iterable[Mapping[str, Any]], models)


def _model(found: Mapping[str, Any], strategy: str) -> ModelUse:
    role, path = found["role"], str(found.get("path") or "")
    if strategy == "tutorship" and role == "translator":
        role = "tutor"
    if role not in get_args(Role):
        raise ValueError(f"“{role}” is no role of a model")
    if not path:
        raise _Unknown(f"These labels do not say where their {role} is; {_INSTEAD}.")
    return ModelUse(cast(Role, role), str(found.get("name") or path), path, str(found.get("sha256") or ""))


def _tiles(parameters: Mapping[str, Any]) -> TileSettings:
    """Tiles as they were asked for; where that was not noted, those that were used, which make the same labels."""
    asked = parameters.get("tiles")
    if asked is not None:
        return TileSettings(**asked)
    return TileSettings(tile=parameters.get("tile"), overlap=parameters.get("overlap"))


def _channel(channel: Any) -> Channel | None:
    if channel is None or channel in ("mean", "luminance") or type(channel) is int:
        return cast(Channel | None, channel)
    raise ValueError(f"{channel!r} is no channel")
