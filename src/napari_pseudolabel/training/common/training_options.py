"""Options that several trainings have, as types of fields. Importable without torch."""

from __future__ import annotations

from typing import Annotated

from napari_pseudolabel.options import Option

Seed = Annotated[int, Option("The same seed gives the same result.", least=0, most=2**32 - 1)]
OwnSeed = Annotated[int, Option("Of all that is drawn.", least=0, most=2**32 - 1, seen="python")]
"""The same, where neither shell nor dock offers it."""
Device = Annotated[
    str,
    Option(
        "Where the training runs.",
        title="Runs on",
        term="device",
        names=(("auto", "Automatic"),),
        listed=True,
        group="advanced",
        seen="dock",
    ),
]
Patience = Annotated[
    int | None,
    Option(
        "Validations without a better one after which the training stops; None never stops early.",
        least=1,
        seen="python",
    ),
]
ClassShift = Annotated[
    float,
    Option(
        "Largest random change of the grey level of each class, for segmenters that shall read translated images; see "
        "`shift_classes`.",
        least=0,
        below=1,
        seen="python",
    ),
]
AnyContrast = Annotated[
    float,
    Option(
        "Share of the training patches that get a random contrast, class by class or by a random curve, for segmenters "
        "that shall read images of any contrast; see `any_contrast`.",
        least=0,
        most=1,
        seen="python",
    ),
]
InOrder = Annotated[
    bool,
    Option(
        "Whether classes stay darker and brighter than each other when contrasts are random, for images of which that is known.",
        seen="python",
    ),
]
ZoomOut = Annotated[
    float,
    Option(
        "Smallest random magnification of the objects in the training: the smaller, the less an image costs whose "
        "objects are too small.",
        title="Smallest magnification",
        above=0,
        most=1,
        seen="python",
    ),
]
ZoomIn = Annotated[
    float,
    Option(
        "Largest random magnification of the objects in the training: the larger, the less an image costs whose "
        "objects are too large.",
        title="Largest magnification",
        least=1,
        below=float("inf"),
        seen="python",
    ),
]
Ema = Annotated[
    float,
    Option(
        "Decay of the running average of the weights, which is then what is validated and kept; 0 keeps the weights "
        "themselves. Averaged weights lie in flatter minima and bear other modalities better (SWAD, Cha et al., 2021).",
        title="EMA",
        least=0,
        below=1,
        seen="python",
    ),
]
