"""Load a model folder of nnU-Net v2 and predict with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.card_files import complete, given_card, unknown_modalities
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.remembering_network import RememberingNetwork
from napari_pseudolabel.models.safe_load import load_weights, sha256, strip_prefixes
from napari_pseudolabel.models.segmenters.base import LayerPart, Segmenter
from napari_pseudolabel.models.segmenters.common import as_channels, fitted
from napari_pseudolabel.models.segmenters.nnunet.choosing import Fold, as_folds, choose_folds, fold_names
from napari_pseudolabel.models.segmenters.nnunet.networks import UNet
from napari_pseudolabel.models.segmenters.nnunet.plans import Configuration, Network, read_dataset, read_plans
from napari_pseudolabel.models.segmenters.nnunet.prediction import SlidingWindow, sliding_logits
from napari_pseudolabel.models.segmenters.nnunet.preprocessing import Preprocessing
from napari_pseudolabel.models.segmenters.nnunet.trainers import Trainer, as_trained
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.tiling import Grid, Plan, Sliding, TileSettings, pick_device, with_back_off
from napari_pseudolabel.types import JsonObject

_GPU_PATCHES = 8
_LARGEST = torch.finfo(torch.float16).max
_FEW_LAYERS = 500  # so many are described and compared in no time


@dataclass(frozen=True, eq=False)
class NnunetSegmenter(Segmenter):
    """An nnU-Net v2 model: one network per fold, whose logits are averaged.

    Attributes
    ----------
    networks
        By fold, on the CPU.
    patch
        (h, w) of the networks' input.
    preprocessing
        Cropping, normalisation and resampling.
    mirror_axes
        Axes (0: rows, 1: columns) that the training flipped, so that prediction may.
    regions
        Whether channels are overlapping regions; then the classes have no background.
    """

    networks: dict[Fold, nn.Module]
    patch: tuple[int, int]
    preprocessing: Preprocessing
    mirror_axes: tuple[int, ...]
    regions: bool

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return len(self.preprocessing.schemes)

    @property
    def need(self) -> Need:
        """Raw values are handed over; mean, deviation, range and box are those of the layer."""
        return Need("none", moments=True)

    @property
    def layout(self) -> Sliding:
        """Patches over what is not zero."""
        return Sliding(self.patch[::-1] if self.preprocessing.swapped else self.patch)

    @property
    def zoom(self) -> tuple[float, float]:
        """Pixels on the network's grid per pixel of 1 x 1 units, along Y and X."""
        y, x = self.preprocessing.spacing
        return (1 / x, 1 / y) if self.preprocessing.swapped else (1 / y, 1 / x)

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Folds that are averaged."""
        return tuple(self.networks)

    @override
    def remembering(self, memo: TileMemo) -> NnunetSegmenter:
        kept: dict[Fold, nn.Module] = {
            fold: RememberingNetwork(network, memo, f"{self.sha256} {fold}")
            for fold, network in self.networks.items()
        }
        return replace(self, networks=kept)

    def network(self, fold: Fold) -> nn.Module:
        """Return the network of a fold: (1, C, H, W) float32 -> logits (1, K, H, W)."""
        if fold not in self.networks:
            raise InputError(f"Fold {fold} was not loaded; {fold_names(self.folds)} are.")
        return self.networks[fold]

    def probabilities(
        self,
        image: ArrayLike,
        spacing: tuple[float, float] = (1.0, 1.0),
        mirror: bool = True,
        exact: bool = True,
        *,
        tile_step_size: float = 0.5,
        use_gaussian: bool = True,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
    ) -> NDArray[np.float32]:
        """Segment one plane as nnU-Net v2 does.

        Parameters
        ----------
        image
            (C, H, W) or (H, W) raw values. NaN and infinities count as 0, nnU-Net's outside.
        spacing
            Pixel size (y, x) in the unit of the training set; 1 for models trained on PNG or TIFF.
        mirror
            Average over the flips that the training allows.
        exact
            Sum in float16, as the original does, and not in float32. Where float16 overflows, the original
            fails; here float32 takes over.
        tile_step_size
            Largest distance between patches as a part of the patch, in (0, 1].
        use_gaussian
            Weigh the centre of a patch more than its border.
        settings
            Batch and device. The tile is the model's own.
        part
            The layer that `image` is a part of, which is then on the network's grid: nothing is resampled, and the
            statistics are those of the layer. By default `image` is a case of its own.

        Returns
        -------
        NDArray
            (K, H, W) float32 in [0, 1]: softmax over labels, or one sigmoid per region.
        """
        if not 0 < tile_step_size <= 1:
            raise InputError(f"The tile step size is a part of the patch in (0, 1], not {tile_step_size}.")
        if len(spacing) != 2 or min(spacing) <= 0:
            raise InputError(f"The pixel size must be two positive numbers, not {spacing}.")
        raw = np.nan_to_num(
            as_channels(image, len(self.preprocessing.schemes)), nan=0.0, posinf=0.0, neginf=0.0
        )
        axes = self.mirror_axes if mirror else ()
        window = SlidingWindow(self.patch, tile_step_size, use_gaussian, axes, torch.float16)
        if not exact:
            window = replace(window, precision=torch.float32)
        if part is not None:
            return self._part(raw, part, window, settings, control)
        data, box = self.preprocessing.forward(raw, spacing)
        grid = window.grid((data.shape[1], data.shape[2]))
        logits = self._logits(data, window, grid, settings, control)
        shape = (raw.shape[1], raw.shape[2])
        chances = self._chances(self.preprocessing.backward(logits, box))
        return self.preprocessing.uncrop(chances, box, shape, background=not self.regions)

    def _part(
        self,
        raw: NDArray[np.float32],
        part: LayerPart,
        window: SlidingWindow,
        settings: TileSettings,
        control: Control,
    ) -> NDArray[np.float32]:
        """Probabilities of a part of a layer on the network's grid."""
        data = self.preprocessing.part(raw, part.whole, part.inside)
        grid = part.grid
        if grid is None:
            grid = window.grid((data.shape[1], data.shape[2]))
        elif self.preprocessing.swapped:
            grid = Grid(grid.columns, grid.rows)
        found = self._chances(self._logits(data, window, grid, settings, control))
        if self.preprocessing.swapped:
            found = np.ascontiguousarray(found.swapaxes(1, 2))
        if part.inside is None:
            return found
        result = np.zeros_like(found)
        if not self.regions:
            result[0] = 1
        result[:, *part.inside.slices] = found[:, *part.inside.slices]
        return result

    def _chances(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        full = torch.from_numpy(logits).float()
        if bool(full.isnan().any()):
            raise CheckpointError(
                f"{self.card.name} answers with values that are no numbers (NaN); its plans or weights are damaged, copy "
                "it again."
            )
        chances = torch.sigmoid(full) if self.regions else torch.softmax(full, 0)
        return chances.numpy()

    def _logits(
        self,
        data: NDArray[np.float32],
        window: SlidingWindow,
        grid: Grid,
        settings: TileSettings,
        control: Control,
    ) -> NDArray[np.float16]:
        device = pick_device(settings.device)
        batch = settings.batch or (1 if device.type == "cpu" else _GPU_PATCHES)
        plan = Plan(max(self.patch), 0, batch, device)
        tensor = torch.from_numpy(data)

        def attempt(window: SlidingWindow, plan: Plan) -> torch.Tensor:
            stage = control.stage("Segmenting", len(self.networks) * len(grid))
            total: torch.Tensor | None = None
            with torch.inference_mode():
                for network in self.networks.values():
                    try:
                        logits = sliding_logits(
                            network.to(plan.device),
                            tensor,
                            window,
                            grid,
                            batch=plan.batch,
                            device=plan.device,
                            stage=stage,
                        )
                    finally:
                        network.to("cpu")
                    total = logits if total is None else total.add_(logits)
                assert total is not None  # a model has at least one fold
                return total.div_(len(self.networks)) if len(self.networks) > 1 else total

        def summed(window: SlidingWindow) -> torch.Tensor:
            return with_back_off(partial(attempt, window), plan, self.sha256, smallest_tile=plan.tile)[0]

        try:
            logits = summed(window)
        except OverflowError:
            logits = summed(replace(window, precision=torch.float32))
        # kept in float16 whatever they were summed in: its ties decide labels in the original
        return logits.clamp(-_LARGEST, _LARGEST).half().numpy()

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Turn probabilities (K, H, W) into labels (H, W).

        Labels: the most probable. Regions: each paints where it is above 0.5, later ones over earlier ones.
        """
        if not self.regions:
            return super().labels(probabilities)
        painted = np.zeros(probabilities.shape[1:], np.uint8)
        for chance, region in zip(probabilities, self.classes, strict=True):
            painted[chance > 0.5] = region.value
        return painted


def load(
    folder: str | Path,
    checkpoint: str | None = None,
    folds: Sequence[Fold] | None = None,
    card: Card | Mapping[str, object] | None = None,
) -> NnunetSegmenter:
    """Load a model folder: ``dataset.json``, ``plans.json`` and ``fold_K/checkpoint_*.pth``.

    Parameters
    ----------
    folder
        Usually named like ``nnUNetTrainer__nnUNetPlans__2d``.
    checkpoint
        "final" or "best". None takes that of the card, or else as the program does that the folder is of;
        see `choosing`.
    folds
        Which folds to average; None as for `checkpoint`.
    card
        Fields of the card that the folder does not know: name, source modality, licence ...

    Raises
    ------
    CheckpointError
        If a file is missing or does not fit, or the model is not a 2D plain or residual-encoder U-Net.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; choose the folder that holds plans.json.")
    plans, dataset = read_plans(folder), read_dataset(folder)
    classes = dataset.classes()
    given = given_card(folder, card)
    asked = given.get("architecture", {})
    choice = choose_folds(
        folder,
        dataset.labels,
        asked.get("checkpoint") if checkpoint is None else checkpoint,
        as_folds(asked.get("folds")) if folds is None else folds,
    )
    contents = {fold: _content(path) for fold, path in choice.files.items()}
    first = next(iter(contents.values()))  # nnU-Net, too, asks the first fold
    configuration = plans.configuration(_configuration_name(first, folder))
    channels = len(dataset.channel_names)
    preprocessing = Preprocessing.of(plans, configuration, channels)
    trainer = Trainer.of(first, folder)
    description = configuration.network()
    networks: dict[Fold, nn.Module] = {}
    for fold, content in contents.items():
        weights = _weights(content)
        name = f"fold_{fold}/checkpoint_{choice.checkpoint}.pth"
        if description.layers > max(len(weights), _FEW_LAYERS):
            raise CheckpointError(
                f"plans.json describes {description.layers:,} layers, but {name} has {len(weights):,} weights."
            )
        description = as_trained(description, weights)
        with trainer.named_in_errors():
            networks[fold] = fitted(
                partial(UNet, description, channels, len(classes)),
                weights,
                name,
                (1, channels, *_example(description, configuration)),
            )
    known = {
        "kind": "segmenter",
        "family": "nnunet",
        "architecture": {
            **description.model_dump(mode="json", exclude_none=True),
            "patch_size": list(configuration.patch_size),
            "spacing": list(preprocessing.spacing),
            "normalization_schemes": list(preprocessing.schemes),
            "trainer": trainer.name,
            "folds": list(choice.files),
            "checkpoint": choice.checkpoint,
        },
        "classes": classes,
        "normalisation": {"kind": "none"},
        "inferred": ("architecture", "classes", "normalisation"),
        "assumed": (
            *choice.assumed,
            *trainer.assumed,
            *(() if preprocessing.spacing == (1, 1) else ("spacing",)),
            *(() if "inference_allowed_mirroring_axes" in first else ("mirroring",)),
        ),
        "missing": tuple(unknown_modalities(given, ("source",))),
        "notes": choice.notes,
    }
    given.setdefault("name", plans.dataset_name or folder.name)
    files = [folder / "plans.json", folder / "dataset.json", *choice.files.values()]
    return NnunetSegmenter(
        card=complete(given, folder, **known),
        sha256=sha256(folder, files),
        networks=networks,
        patch=(configuration.patch_size[0], configuration.patch_size[1]),
        preprocessing=preprocessing,
        mirror_axes=_mirror_axes(first),
        regions=dataset.has_regions,
    )


def _example(network: Network, configuration: Configuration) -> tuple[int, ...]:
    """Height and width of the smallest image with more than one pixel at the deepest level.

    Raises
    ------
    CheckpointError
        If the patch of the plans is no multiple of that level's pixels.
    """
    steps = [math.prod(stride[axis] for stride in network.strides) for axis in (0, 1)]
    if any(size % step for size, step in zip(configuration.patch_size, steps, strict=True)):
        raise CheckpointError(
            f"plans.json: patch_size {configuration.patch_size} is no multiple of the strides' product {tuple(steps)}."
        )
    return tuple(min(size, 2 * step) for size, step in zip(configuration.patch_size, steps, strict=True))


def _content(path: Path) -> JsonObject:
    content = load_weights(path)
    if not isinstance(content, dict) or not isinstance(content.get("network_weights"), dict):
        raise CheckpointError(f"{path.name} in {path.parent} is not an nnU-Net v2 checkpoint.")
    return content


def _configuration_name(content: JsonObject, folder: Path) -> str:
    arguments = content.get("init_args")
    if isinstance(arguments, dict) and isinstance(arguments.get("configuration"), str):
        return arguments["configuration"]
    return folder.resolve().name.rpartition("__")[2] if "__" in folder.resolve().name else "2d"


def _mirror_axes(content: JsonObject) -> tuple[int, ...]:
    axes = content.get("inference_allowed_mirroring_axes")
    if axes is None:
        return ()
    if not isinstance(axes, (tuple, list)) or not set(axes) <= {0, 1}:
        raise CheckpointError(
            f"The checkpoint allows mirroring along the axes {axes}; only 0 and 1 exist in 2D."
        )
    return tuple(axes)


def _weights(content: JsonObject) -> dict[str, object]:
    """Names without aliases: modules that the original also lists under a second name are stored twice."""
    weights: dict[str, object] = strip_prefixes(content["network_weights"])
    return {
        name: value
        for name, value in weights.items()
        if ".all_modules." not in name and not name.startswith("decoder.encoder.")
    }
