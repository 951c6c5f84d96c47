"""Text-to-image models as diffusers folders: nothing is painted with them, only what they compute on the way is used."""
