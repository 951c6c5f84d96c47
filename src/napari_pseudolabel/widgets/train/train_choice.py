"""What the controls of the dock say, as values that can be compared, tested and turned into a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings
from napari_pseudolabel.training.student.distil_task import DistilSettings
from napari_pseudolabel.training.translator.grey_levels_fit import Method
from napari_pseudolabel.training.translator.tune_translator import TuneSettings

Subject = Literal["segmenter", "translator", "fast version"]
Where = Literal["view", "shape"]


@dataclass(frozen=True)
class FolderPair:
    """A folder of images and one of label files with the same names.

    Attributes
    ----------
    translator
        Reference of the translator that brings the images into the modality of the segmenter; None if they
        are of that modality.
    """

    images: str
    labels: str
    translator: str | None = None


@dataclass(frozen=True)
class SegmenterChoice(Checked):
    """How a segmenter is trained.

    Attributes
    ----------
    image, labels
        Unique ids of layers.
    pairs
        Further labelled images.
    """

    image: str | None = None
    labels: str | None = None
    pairs: tuple[FolderPair, ...] = ()
    listed: Annotated[
        bool,
        Option(
            "Learn from all images of Many images in which you corrected or confirmed something, and not from the open one alone.",
            title="All corrected images",
            seen="dock",
        ),
    ] = True
    settings: FineTuneSettings = field(default_factory=FineTuneSettings)
    minutes: Annotated[
        int,
        Option(
            "Stop and keep after so many minutes of work; pauses do not count.",
            title="Time limit",
            unit="min",
            least=0,
            special="no limit",
            group="advanced",
            seen="dock",
        ),
    ] = 0


@dataclass(frozen=True)
class TranslatorPair:
    """Two translators of opposite directions.

    Attributes
    ----------
    refs
        References of source → target, and of target → source.
    names
        Names of the source and of the target modality.
    """

    refs: tuple[str, str]
    names: tuple[str, str]

    @property
    def title(self) -> str:
        """As the list shows it."""
        titles = " + ".join(ref.rpartition("/")[2].partition(":")[2] or ref for ref in self.refs)
        return f"{self.names[0]} ⇄ {self.names[1]}  ({titles})"


@dataclass(frozen=True)
class TranslatorChoice:
    """How a translator is trained.

    Attributes
    ----------
    target
        Unique id of the image layer.
    source_layer, source_folder
        Where the images of the other modality are; one of the two.
    pair
        Checkpoints to start from; None to start from nothing, between modalities of these `names`.
    grey_levels
        Nothing is trained, only grey levels change, between modalities of these `names`; None for a training.
    object_sizes
        Median diameters of the objects in pixels of the source and of the target images, None where unknown; only for
        `grey_levels`.
    """

    target: str | None = None
    source_layer: str | None = None
    source_folder: str = ""
    pair: TranslatorPair | None = None
    names: tuple[str, str] = ("", "")
    grey_levels: Method | None = None
    object_sizes: tuple[float | None, float | None] = (None, None)
    settings: TuneSettings = field(default_factory=TuneSettings)


@dataclass(frozen=True)
class FastVersionChoice:
    """How a fast version is made.

    Attributes
    ----------
    image
        Unique id of the image layer.
    translator, segmenter
        References of models; None where there is none.
    """

    image: str | None = None
    translator: str | None = None
    segmenter: str | None = None
    settings: DistilSettings = field(default_factory=DistilSettings)
