"""How long does a text-to-image model as large as Stable Diffusion 1 take to look at a picture? Its weights mean nothing here.

    python benchmarks/phrase_cost.py

One thread, one evaluation at 64 x 64 latents: alone, as phrase grounding needs 31 and for every phrase 11 more (50 steps), and with all
self-attentions, as *Regions to name, by attention* needs one.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.text_to_image.phrase_model import PhraseModel, ReadPhrase
from napari_pseudolabel.models.text_to_image.picture_features import self_attention

SIDE, TOKENS, WIDTH, CHANNELS = 64, 77, 768, 4


class ModelWithoutMeaning(PhraseModel):
    """The network alone: pictures and phrases are noise."""

    def latents(self, picture: np.ndarray) -> Tensor:
        return torch.randn(1, CHANNELS, SIDE, SIDE)

    def read(self, phrase: str) -> ReadPhrase:
        return ReadPhrase(torch.randn(1, TOKENS, WIDTH), slice(1, 4))


def main() -> None:
    """Print seconds and memory."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    unet = outlined(lambda: UNet2DConditionModel(sample_size=SIDE, cross_attention_dim=WIDTH)).to_empty(
        device="cpu"
    )
    for weights in unet.eval().parameters():
        weights.requires_grad_(requires_grad=False).fill_(1e-3)
    model = ModelWithoutMeaning("without meaning", "", unet, None, None, None, {})
    picture = np.zeros((1, 1), np.float32)
    calls = {
        "alone": lambda: model.predict(model.latents(picture), 300, model.read("").hidden),
        "with self-attentions": lambda: self_attention(model, picture, Control()),
    }
    for name, call in calls.items():
        began = time.process_time()
        call()
        print(f"one evaluation, {name}: {time.process_time() - began:.1f} CPU s")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
