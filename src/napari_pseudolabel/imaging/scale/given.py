"""How much an image is magnified so that its objects have the size a model was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from math import inf
from typing import Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.placement import SQUARE_WITHIN, Placement
from napari_pseudolabel.imaging.units import LARGEST_UM, SMALLEST_UM, micrometres
from napari_pseudolabel.options import Checked, Option


@dataclass(frozen=True)
class Scale(Checked):
    """What the person says about the size of things in an image; the first that is set wins."""

    factor: Annotated[
        float | None,
        Option(
            "Pixels on the model's grid per pixel of the image; goes first.",
            title="Magnification",
            unit="×",
            step=0.001,
            typical=1,
            above=0,
            below=inf,
            flag="--scale",
        ),
    ] = None
    object_size_px: Annotated[
        float | None,
        Option(
            "Median diameter of the objects in pixels of the image; goes before pixel sizes.",
            title="Object size",
            unit="px",
            step=0.1,
            typical=30,
            above=0,
            below=inf,
            flag="--object-size",
        ),
    ] = None
    pixel_size_um: Annotated[
        float | None,
        Option(
            "Pixel size of the image in micrometres, instead of the one in the file.",
            title="Pixel size",
            unit="µm",
            step=0.00001,
            typical=0.1,
            least=SMALLEST_UM,
            most=LARGEST_UM,
            flag="--pixel-size",
        ),
    ] = None

    @classmethod
    def from_drawn(cls, length_px: float) -> Scale:
        """Return the scale that one typical object tells, drawn across: its length in pixels of the image.

        Raises
        ------
        InputError
            If the line has no length.
        """
        if not 0 < length_px < inf:
            raise InputError("The line across the object has no length; draw it from border to border.")
        return cls(object_size_px=length_px)

    def at(self, factor: float) -> Scale:
        """Return a magnification, and the sizes that were told: that of a pixel counts for what is written of the labels."""
        return replace(self, factor=factor)

    def overruled(self, name: str, placement: Placement) -> tuple[str, ...]:
        """Return sentences about sizes that were told, or stand in the file, and did not count because another one did.

        Parameters
        ----------
        name, placement
            Of the image.
        """
        notes = []
        if self.factor is not None and self.object_size_px is not None:
            notes.append("The magnification counts; the object size that was told as well was not used.")
        unit = micrometres((placement.units or ("",))[-1])
        own = None if unit is None else placement.spacing[-1] * unit
        told = self.pixel_size_um
        if told is not None and own is not None and not math.isclose(told, own, rel_tol=SQUARE_WITHIN):
            notes.append(
                f"The pixels of {name} are {own:.4g} um wide by its file, but {told:.4g} um was told: that counts for the magnification, "
                "and the labels have pixels as the file says, so that they lie on the image."
            )
        return tuple(notes)

    def missing(self, image_pixel_um: float | None, model_pixel_um: float | None) -> str:
        """Say in a clause what is not known, so that the magnification does not follow; empty where it does.

        Parameters as of `to_model`.
        """
        if self.factor is not None or self.object_size_px is not None:
            return ""
        pixel = self.pixel_size_um or image_pixel_um
        if pixel is None:
            return "The image does not say its pixel size"
        return "The model does not say its pixel size" if model_pixel_um is None else ""

    def asked_of(self, placement: Placement) -> float | None:
        """Return the pixel size that an image brings along, in um, where it decides: pixels that are not square are an error."""
        decided = self.factor or self.object_size_px or self.pixel_size_um
        return None if decided else placement.pixel_size_um()

    def to_model(
        self, image_pixel_um: float | None, model_pixel_um: float | None, model_object_px: float | None
    ) -> tuple[float, str]:
        """Magnification from the image to the model's grid, and a sentence that says where it came from.

        Parameters
        ----------
        image_pixel_um
            Pixel size the image brings along, in micrometres.
        model_pixel_um, model_object_px
            Pixel size and median object diameter on the model's grid.

        Raises
        ------
        InputError
            If an object size is given but the model's is unknown, or the magnification is absurd.
        """
        if self.factor is not None:
            factor, why = self.factor, "scale as given"
        elif self.object_size_px is not None:
            if model_object_px is None:
                raise InputError(
                    "This model does not say how large its objects are; give the scale or the pixel size instead."
                )
            factor, why = model_object_px / self.object_size_px, "scale from the object size"
        else:
            pixel = self.pixel_size_um or image_pixel_um
            if pixel is None or model_pixel_um is None:
                missing = self.missing(image_pixel_um, model_pixel_um)
                return 1.0, f"{missing}, so the image was used as it is."
            factor, why = pixel / model_pixel_um, "scale from the pixel size"
        if not 1 / 64 <= factor <= 64:
            raise InputError(
                f"The image would be magnified {factor:.3g} times ({why}); check the pixel size or give the scale."
            )
        return factor, why
