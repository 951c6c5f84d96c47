"""Models that are in memory, so that a second run does not load them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_pseudolabel.models.registry import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.tiling import MemoryLimits

if TYPE_CHECKING:
    from napari_pseudolabel.models.segmenters.base import Segmenter
    from napari_pseudolabel.models.segmenters.sam.sam_model import SamModel
    from napari_pseudolabel.models.text_to_image.phrase_model import PhraseModel
    from napari_pseudolabel.models.translators.base import Translator

Model = TypeVar("Model")

_MOST = 6
# Probabilities of a few dozen tiles, as neighbouring chunks have in common.
_SEGMENTED_BYTES = 2**27


@dataclass(eq=False)
class LoadedModels:
    """One per worker process. A file that changed on disk is loaded again; the models used last are kept.

    Attributes
    ----------
    shipped
        Where checkpoints that came with a job were unpacked, by reference; they go before files of this machine.
    limits
        What fitted into memory after running out of it.
    memo, segmented, looked
        Tiles that translators, and segmenters, have computed; what was seen in whole planes.
    """

    shipped: Mapping[str, Path] = field(default_factory=dict)
    limits: MemoryLimits = field(default_factory=MemoryLimits)
    memo: TileMemo = field(default_factory=TileMemo)
    segmented: TileMemo = field(default_factory=lambda: TileMemo(_SEGMENTED_BYTES))
    looked: TileMemo = field(default_factory=TileMemo)
    _cache: dict[tuple[str, Path], tuple[int, Any]] = field(default_factory=dict)

    def translator(self, ref: str) -> Translator:
        """Load a translator by path or name, or hand out the loaded one.

        Raises
        ------
        CheckpointError
            If it cannot be loaded; says why.
        """
        return self._get("translator", ref, load_translator)

    def segmenter(self, ref: str) -> Segmenter:
        """Load a segmenter by path or name, or hand out the loaded one.

        Raises
        ------
        CheckpointError
            If it cannot be loaded; says why.
        """
        return self._get("segmenter", ref, load_segmenter)

    def phrase_model(self, ref: str) -> PhraseModel:
        """Load a text-to-image model from its folder, or hand out the loaded one.

        Raises
        ------
        CheckpointError
            If it cannot be loaded; says why.
        """
        from napari_pseudolabel.models.text_to_image.phrase_model import load_phrase_model

        return self._get("text-to-image", ref, load_phrase_model)

    def sam(self, ref: str) -> SamModel:
        """Load a model of Segment Anything from its file, or hand out the loaded one.

        Raises
        ------
        CheckpointError
            If it cannot be loaded; says why.
        """
        from napari_pseudolabel.models.segmenters.sam.sam_model import load_sam

        return self._get("sam", ref, load_sam)

    def clear(self) -> None:
        """Forget all models, which frees their memory."""
        self._cache.clear()
        self.memo.clear()
        self.segmented.clear()
        self.looked.clear()

    def _get(self, kind: str, ref: str, load: Callable[[str], Model]) -> Model:
        path = self.shipped.get(ref) or resolve(ref)
        changed = path.stat().st_mtime_ns
        kept = self._cache.pop((kind, path), None)
        if kept is None or kept[0] != changed:
            kept = (changed, load(str(path)))
        self._cache[(kind, path)] = kept
        while len(self._cache) > _MOST:
            del self._cache[next(iter(self._cache))]
        return kept[1]
