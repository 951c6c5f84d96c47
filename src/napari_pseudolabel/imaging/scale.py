"""How much an image is magnified so that its objects have the size a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pseudolabel.errors import InputError


@dataclass(frozen=True)
class Scale:
    """What the person says about the size of things in an image; the first that is set wins.

    Attributes
    ----------
    factor
        Pixels on the model's grid per pixel of the image.
    object_size_px
        Median diameter of the objects in pixels of the image.
    pixel_size_um
        Side of a pixel of the image in micrometres; replaces the one the image brings along.
    """

    factor: float | None = None
    object_size_px: float | None = None
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        for name in ("factor", "object_size_px", "pixel_size_um"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{name} must be a positive number, not {value}.")

    def to_model(
        self,
        image_pixel_um: float | None,
        model_pixel_um: float | None,
        model_object_px: float | None,
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
                who = "image" if pixel is None else "model"
                return 1.0, f"The {who} does not say its pixel size, so the image was used as it is."
            factor, why = pixel / model_pixel_um, "scale from the pixel size"
        if not 1 / 64 <= factor <= 64:
            raise InputError(
                f"The image would be magnified {factor:.3g} times ({why}); check the pixel size or give the scale."
            )
        return factor, why
