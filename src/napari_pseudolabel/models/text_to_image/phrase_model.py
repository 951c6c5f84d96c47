"""A text-to-image latent diffusion that is asked what it sees, not to paint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_pseudolabel.budget import check_memory
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.imports import lasting_imports
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.text_to_image.diffusers_folder import DiffusersFolder, look_through

_MISSING = (
    "A text-to-image model needs the packages diffusers and transformers; install them with "
    "pip install “napari-pseudolabel[diffusers]”."
)
_CHANNELS = 3
# Weights and descriptions of a network may differ by buffers such as the numbers of positions.
_ALIKE = 0.01
# Float32 in memory, of weights that may be stored with half the bytes.
_GROWN = 2


@dataclass(frozen=True)
class ReadPhrase:
    """A phrase as the model reads it.

    Attributes
    ----------
    hidden
        (1, T, C): what the network is told.
    tokens
        Which of the T places hold the phrase: neither its start nor its end nor what fills up.
    notes
        What was cut off, or is not understood, for the person.
    """

    hidden: Tensor
    tokens: slice
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PhraseModel:
    """The parts of a text-to-image model, in memory and frozen.

    Attributes
    ----------
    name, sha256
        Of the folder.
    unet, vae, text_encoder, tokenizer
        As diffusers and transformers have them.
    schedule
        Description of the noise.
    """

    name: str
    sha256: str
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    schedule: dict[str, Any]

    def to(self, device: torch.device) -> None:
        """Move all weights."""
        for part in (self.unet, self.vae, self.text_encoder):
            part.to(device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        weights: Tensor = next(iter(self.unet.parameters()))
        return weights.device

    @property
    def side(self) -> int:
        """Of the squares that it was trained on, in pixels."""
        size = self.unet.config.sample_size or 64
        return int(max(size) if isinstance(size, (list, tuple)) else size) * self._latent

    @property
    def steps(self) -> int:
        """Of the noise that it was trained with."""
        return int(self.schedule.get("num_train_timesteps", 1000))

    @property
    def _latent(self) -> int:
        """Pixels per latent pixel."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def size_for(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which it looks at a picture: the longer side as it knows it, the shape nearly kept."""
        step = self._latent * 2 ** (len(self.unet.config.block_out_channels) - 1)
        scale = self.side / max(height, width)
        return max(1, round(height * scale / step)) * step, max(1, round(width * scale / step)) * step

    def read(self, phrase: str) -> ReadPhrase:
        """Read a phrase; an empty one is what it is told of no picture in particular.

        Raises
        ------
        InputError
            If nothing of the phrase is understood.
        """
        most = min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings)
        # What is too long is said below, in words.
        pieces: list[int] = self.tokenizer(phrase, add_special_tokens=False, verbose=False).input_ids
        held = self.tokenizer(
            phrase, padding="max_length", max_length=most, truncation=True, return_tensors="pt"
        ).input_ids
        count = min(len(pieces), most - 2)
        notes = self._unread(phrase, pieces, count)
        with torch.inference_mode():
            hidden = self.text_encoder(held.to(self.device))[0]
        return ReadPhrase(hidden, slice(1, 1 + count), notes)

    def _unread(self, phrase: str, pieces: list[int], count: int) -> tuple[str, ...]:
        unknown = self.tokenizer.unk_token_id
        if phrase.strip() and (not pieces or all(piece == unknown for piece in pieces[:count])):
            raise InputError(f"The model {self.name} knows no word of “{phrase}”; say it in other words.")
        notes = []
        if count < len(pieces):
            kept, lost = map(self._words, (pieces[:count], pieces[count:]))
            notes.append(
                f"“{phrase}” is too long for the model {self.name}, which read “{kept}” and not “{lost}”; say it shorter."
            )
        words = {word: self.tokenizer(word, add_special_tokens=False).input_ids for word in phrase.split()}
        if strange := [word for word, ids in words.items() if unknown in ids]:
            notes.append(
                f"The model {self.name} does not know {_listed(strange)} of “{phrase}”; other words may show more."
            )
        if split := [word for word, ids in words.items() if len(ids) > 1 and unknown not in ids]:
            notes.append(
                f"The model {self.name} has no word of its own for {_listed(split)} of “{phrase}” and reads it in pieces."
            )
        return tuple(notes)

    def _words(self, pieces: list[int]) -> str:
        """Return what pieces say; those that are unknown are a mark that is no word."""
        text: str = self.tokenizer.decode(pieces)
        mark = self.tokenizer.unk_token
        return (text.replace(mark, "…") if mark else text).strip()

    def latents(self, picture: NDArray[np.float32]) -> Tensor:
        """(H, W) in [0, 1] -> (1, C, h, w): what the network works on, without chance."""
        grey = torch.from_numpy(np.ascontiguousarray(picture, np.float32))[None, None].to(self.device)
        size = self.size_for(*picture.shape)
        seen = F.interpolate(grey, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
        channels = int(self.vae.config.in_channels)
        with torch.inference_mode():
            found = self.vae.encode(2 * seen.expand(1, channels, *size) - 1).latent_dist.mean
        shift = getattr(self.vae.config, "shift_factor", None) or 0.0
        latents: Tensor = (found - shift) * self.vae.config.scaling_factor
        return latents

    def predict(self, latents: Tensor, step: int | Tensor, told: Tensor) -> Tensor:
        """Ask the network for the noise, or whatever it was trained to answer: (1, C, h, w)."""
        with torch.inference_mode():
            answer: Tensor = self.unet(latents, step, encoder_hidden_states=told).sample
        return answer

    def attentions(self, kind: str) -> list[tuple[str, Any]]:
        """Its attentions by name, "attn1" of the picture to itself or "attn2" to the phrase, in the order in which they are called."""
        found = [
            (name, module) for name, module in self.unet.named_modules() if name.rpartition(".")[2] == kind
        ]
        return sorted(found, key=lambda one: ("down", "mid", "up").index(one[0].partition("_")[0]))

    @contextmanager
    def watched(self, kind: str, hear: Callable[[int, Any, Tensor, Tensor], None]) -> Iterator[None]:
        """While it lasts, hear the queries (B, N, C) and keys (B, T, C) of every attention of a kind, with its number and module."""
        hooks = []
        for number, (_, module) in enumerate(self.attentions(kind)):
            asked: list[Tensor] = []

            def on_query(_m: nn.Module, _given: object, made: Tensor, asked: list[Tensor] = asked) -> None:
                asked[:] = [made]

            def on_key(
                _m: nn.Module,
                _given: object,
                made: Tensor,
                asked: list[Tensor] = asked,
                number: int = number,
                module: Any = module,
            ) -> None:
                hear(number, module, asked.pop(), made)

            hooks += [
                module.to_q.register_forward_hook(on_query),
                module.to_k.register_forward_hook(on_key),
            ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def load_phrase_model(path: str) -> PhraseModel:
    """Load a diffusers folder, offline and from safetensors only.

    Raises
    ------
    CheckpointError
        If it cannot be used; see `look_through`.
    InputError
        If the packages for it are not installed, or the memory does not hold it.
    """
    folder = look_through(Path(path))
    check_memory(_GROWN * folder.size, f"The text-to-image model {folder.path.name}")
    try:
        with lasting_imports():
            from diffusers import AutoencoderKL, UNet2DConditionModel
            from transformers import CLIPTextModel, CLIPTokenizer
    except ImportError:
        raise InputError(_MISSING) from None
    _check_size(folder)
    text_encoder = _part(folder, "text_encoder", CLIPTextModel, use_safetensors=True)
    made = {
        part: _part(folder, part, kind, use_safetensors=True, low_cpu_mem_usage=False)
        for part, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
    }
    if made["unet"].config.in_channels != made["vae"].config.latent_channels:
        raise CheckpointError(
            f"The unet of {folder.path.name} does not take what its vae makes; download the folder again."
        )
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder.path / "tokenizer", local_files_only=True)
    except Exception as error:  # files that do not fit each other raise whatever they like
        raise CheckpointError(
            f"The tokenizer of {folder.path.name} cannot be used ({_first(error)})."
        ) from None
    return PhraseModel(
        folder.path.name,
        folder.sha256,
        made["unet"],
        made["vae"],
        text_encoder,
        tokenizer,
        dict(folder.configs["scheduler"]),
    )


def _check_size(folder: DiffusersFolder) -> None:
    """Compare what descriptions ask for with the weights that are there, before any memory is taken."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    makers: dict[str, Callable[[], nn.Module]] = {
        "unet": lambda: UNet2DConditionModel.from_config(dict(folder.configs["unet"])),
        "vae": lambda: AutoencoderKL.from_config(dict(folder.configs["vae"])),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig.from_dict(dict(folder.configs["text_encoder"]))),
    }
    for part, make in makers.items():
        try:
            wanted = sum(one.numel() for one in outlined(make).parameters())
        except Exception as error:  # numbers that no layer can have raise whatever they like
            raise CheckpointError(
                f"The {part} of {folder.path.name} cannot exist as it is described ({_first(error)})."
            ) from None
        if abs(wanted - folder.stored[part]) > _ALIKE * wanted:
            raise CheckpointError(
                f"The {part} of {folder.path.name} is described with {wanted:,} weights, but {folder.stored[part]:,} are there; "
                "download the folder again."
            )


def _part(folder: DiffusersFolder, part: str, kind: Any, **options: Any) -> Any:
    try:
        with _quiet():
            made, told = kind.from_pretrained(
                folder.path / part,
                local_files_only=True,
                output_loading_info=True,
                variant=folder.variants[part] or None,
                **options,
            )
    except Exception as error:  # weights that do not fit raise whatever they like
        raise CheckpointError(
            f"The {part} of {folder.path.name} cannot be loaded ({_first(error)})."
        ) from None
    lacking = [str(key) for key in (*told.get("missing_keys", ()), *told.get("mismatched_keys", ()))]
    if lacking:
        raise CheckpointError(
            f"The weights of the {part} of {folder.path.name} do not fit it: {_listed(lacking[:3])}; download the folder again."
        )
    return made.float().eval().requires_grad_(requires_grad=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries from drawing bars and listing names; what matters is asked for."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    loud = [(one, one.get_verbosity()) for one in (of_diffusers, of_transformers)]
    bars = of_transformers.is_progress_bar_enabled()
    try:
        for one, _ in loud:
            one.set_verbosity(one.CRITICAL)
        of_transformers.disable_progress_bar()
        yield
    finally:
        for one, before in loud:
            one.set_verbosity(before)
        if bars:
            of_transformers.enable_progress_bar()


def _first(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"


def _listed(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)
