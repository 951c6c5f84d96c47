"""How much an image is magnified for a model: what the person or the file says, and what its texture tells."""

from napari_pseudolabel.imaging.scale.given import Scale
from napari_pseudolabel.imaging.scale.texture import Texture, texture_of

__all__ = ["Scale", "Texture", "texture_of"]
