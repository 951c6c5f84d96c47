"""A tiny text-to-image model, made and trained where it is needed: pictures of discs and stripes, and the words for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = ("disc", "stripes", "a", "of")
SIDE = 32
SCHEDULE = {
    "_class_name": "DDIMScheduler",
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "clip_sample": False,
    "steps_offset": 1,
}
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}
# Latent pixels are as large as two pixels.
_LATENT = 2


def tokenizer_files(folder: Path) -> None:
    """Letters, and one chain of merges for each word; longer words first, or a part of one would be merged first."""
    folder.mkdir(parents=True)
    letters = sorted({letter for word in WORDS for letter in word})
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges = []
    for word in sorted(WORDS, key=len, reverse=True):
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = ["".join(pieces[:2])]
            tokens.append(pieces[0])
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *dict.fromkeys(merges)]) + "\n")


def picture(
    rng: np.random.Generator, kinds: tuple[str, ...] = WORDS[:2]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A picture (SIDE, SIDE) in [0, 1] of one thing of each kind in different quarters, and where each is."""
    y, x = np.mgrid[:SIDE, :SIDE]
    seen = np.full((SIDE, SIDE), 0.35)
    half, masks = SIDE // 2, {}
    for kind, quarter in zip(kinds, rng.permutation(4), strict=False):
        cy, cx = (divmod(int(quarter), 2)[n] * half + half // 2 + int(rng.integers(-1, 2)) for n in (0, 1))
        if kind == "disc":
            mask = (y - cy) ** 2 + (x - cx) ** 2 <= 36
            seen[mask] = 0.9
        else:
            mask = (abs(y - cy) <= 6) & (abs(x - cx) <= 6)
            seen[mask] = np.where(y[mask] % 4 < 2, 0.05, 0.75)
        masks[kind] = mask
    return np.clip(seen + rng.normal(0, 0.04, seen.shape), 0, 1).astype(np.float32), masks


def build(folder: Path, seed: int = 0) -> Path:
    """Save an untrained folder, as diffusers does."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(seed)
    tokenizer_files(folder / "source")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "source", model_max_length=8, local_files_only=True)
    count = len(tokenizer)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=count,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
            projection_dim=32,
            bos_token_id=count - 2,
            eos_token_id=count - 1,
            pad_token_id=count - 1,
        )
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIDE,
    ).eval()
    rng = np.random.default_rng(seed)
    with torch.inference_mode():
        seen = torch.from_numpy(np.stack([picture(rng)[0] for _ in range(16)]))[:, None].expand(-1, 3, -1, -1)
        vae.register_to_config(scaling_factor=float(1 / vae.encode(2 * seen - 1).latent_dist.mean.std()))
    unet = UNet2DConditionModel(
        sample_size=SIDE // _LATENT,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    made = folder / "model"
    for part, module in (("unet", unet), ("vae", vae), ("text_encoder", text)):
        module.save_pretrained(made / part)
    tokenizer.save_pretrained(made / "tokenizer")
    (made / "scheduler").mkdir()
    (made / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULE))
    (made / "model_index.json").write_text(json.dumps(INDEX))
    return made


def trained(
    folder: Path, steps: int = 45, batch: int = 8, weight: float = 0.5, rate: float = 3e-3, seed: int = 0
) -> None:
    """Train the network to remove noise, and its words to look where they are.

    The noise alone would take hours until words attend to things; so the share of the attention of a word that lies in the mask of
    its thing counts, too.
    """
    import torch

    from napari_pseudolabel.models.text_to_image.inverted import attention_of, grid_of
    from napari_pseudolabel.models.text_to_image.phrase_model import load_phrase_model

    torch.manual_seed(seed)
    model, rng = load_phrase_model(str(folder)), np.random.default_rng(seed + 1)
    unet = model.unet.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(unet.parameters(), lr=rate)
    left = torch.cumprod(1 - torch.linspace(SCHEDULE["beta_start"], SCHEDULE["beta_end"], 1000), 0)
    told = {word: model.read(word) for word in WORDS[:2]}
    pictures = [picture(rng) for _ in range(96)]
    clean = torch.cat([model.latents(one) for one, _ in pictures]).clone()
    masks = {
        word: torch.from_numpy(np.stack([found[word] for _, found in pictures])).float() for word in told
    }
    hidden = {word: one.hidden.clone() for word, one in told.items()}
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(len(pictures), size=batch))
        words = [WORDS[int(number)] for number in rng.integers(2, size=batch)]
        wanted = torch.stack([masks[word][one] for word, one in zip(words, chosen, strict=True)])
        time = torch.from_numpy(rng.integers(1000, size=batch))
        noise = torch.randn(batch, *clean.shape[1:])
        share = left[time][:, None, None, None]
        state = share.sqrt() * clean[chosen] + (1 - share).sqrt() * noise
        seen: list[torch.Tensor] = []
        with model.watched(
            "attn2", lambda _, one, queries, keys, seen=seen: seen.append(attention_of(one, queries, keys))
        ):
            answer = unet(
                state, time, encoder_hidden_states=torch.cat([hidden[word] for word in words])
            ).sample
        shares = []
        for attention in (one[..., 1].mean(1) for one in seen):
            size = grid_of(attention.shape[1], (SIDE // _LATENT,) * 2)
            inside = torch.nn.functional.adaptive_avg_pool2d(wanted, size).flatten(1)
            shares.append((attention * inside).sum(1) / attention.sum(1))
        loss = (answer - noise).square().mean() - weight * torch.cat(shares).clamp(min=1e-4).log().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    unet.eval().save_pretrained(folder / "unet")
