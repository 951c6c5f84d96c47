"""What a person says of the things that are looked for by phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.diffusion_options import NO_FOLDER, DiffusionOptions

PhraseMap = Literal["attention", "difference"]


@dataclass(frozen=True)
class PhraseOptions(DiffusionOptions):
    """What is looked for, and how."""

    phrases: Annotated[
        list[str] | None,
        Option(
            "What is to be labelled, in words: a phrase for each class, such as “dark round nucleus”. NAME=PHRASE gives the class "
            "a name of its own.",
            title="Phrases",
            flag="--phrase",
            form="[NAME=]PHRASE",
        ),
    ] = None
    map: Annotated[
        PhraseMap,
        Option(
            "Which of the two heat maps is divided: where the model looks when it reads the phrase, or where the phrase changes what it "
            "sees. Both are shown.",
            title="Label by",
            term="heat map",
            names=(("attention", "Where it looks"), ("difference", "What the phrase changes")),
            flag="--phrase-map",
        ),
    ] = "attention"
    threshold: Annotated[
        float | None,
        Option(
            "How hot a pixel has to be, of the hottest. Without a number it is found for each heat map and plane after Otsu.",
            title="Hotter than",
            term="threshold",
            unit="%",
            least=0,
            most=1,
            special="by Otsu",
            widget="FloatSlider",
            flag="--phrase-threshold",
        ),
    ] = None
    steps: Annotated[
        int,
        Option(
            "Steps of the whole way from the image to noise, of which three fifths are gone; papers take 300. More take longer.",
            title="Steps",
            term="DDIM inversion steps",
            least=4,
            most=1000,
            group="advanced",
            flag="--inversion-steps",
        ),
    ] = 50

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Name and phrase of every class."""
        pairs = []
        for one in self.phrases or ():
            name, equals, phrase = one.partition("=")
            pairs.append((name.strip(), phrase.strip()) if equals else (one.strip(), one.strip()))
        return tuple(pairs)

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Background, and a class for each phrase.

        Raises
        ------
        InputError
            If a name is empty or occurs twice.
        """
        return tuple(default_classes([name for name, _ in self.told]))

    @property
    def lacking(self) -> str:
        """What is missing before anything can be labelled, in a sentence; empty if nothing is."""
        if self.diffusion is None:
            return NO_FOLDER
        if not all(phrase for _, phrase in self.told) or not self.told:
            return "Say in words what is to be labelled: a phrase for each class."
        try:
            default_classes([name for name, _ in self.told])
        except InputError as error:
            return str(error)
        return ""
