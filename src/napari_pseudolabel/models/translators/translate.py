"""Translate an image of any size with a translator that takes tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.control import Control, Stage
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.evaluations import Evaluations, steps_of
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.schedule import Jump, Steps
from napari_pseudolabel.tiling import (
    BlendWindow,
    Grid,
    MemoryLimits,
    Plan,
    PositionNoise,
    TileSettings,
    blend_tiles,
    crop,
    home_of_planes,
    make_grid,
    make_plan,
    pad,
    run_tiles,
    with_back_off,
)

Mode = Literal["joint", "tiled"]
Wanted = tuple[tuple[int, int], tuple[int, int]]

_INITIAL, _POSTERIOR = 0, 1  # kinds of noise


@dataclass(frozen=True, eq=False)
class Translation:
    """A translated image.

    Attributes
    ----------
    samples
        (K, H, W) float32 in [0, 1].
    mean
        (H, W) float32, over the samples.
    spread
        (H, W) float32, standard deviation over the samples; None if there is only one.
    plan
        The tiles, the batch and the device that were used.
    notes
        Sentences for the person: what was reduced, rounded or is doubtful.
    """

    samples: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    plan: Plan
    notes: tuple[str, ...] = ()


def translate(
    translator: Translator,
    plane: NDArray[np.floating],
    *,
    samples: int = 1,
    seed: int = 0,
    origin: tuple[int, int] = (0, 0),
    mode: Mode = "tiled",
    evaluations: Evaluations = "auto",
    settings: TileSettings = TileSettings(),
    grid: Grid | None = None,
    wanted: Wanted | None = None,
    limits: MemoryLimits | None = None,
    memo: TileMemo | None = None,
    control: Control = Control(),
) -> Translation:
    """Translate one plane.

    Parameters
    ----------
    translator
        A loaded translator.
    plane
        (H, W) float in [0, 1], on the pixel grid of the model, normalised with the whole layer.
    samples
        How many translations to draw. A one-pass translator has only one answer.
    seed
        0 .. 2**32 - 1. The same seed gives the same translation, whatever the batch, the order of
        the tiles or the machine (up to float32 rounding of the network).
    origin
        (y, x) of the plane in a larger image: a crop gets the noise of the whole image.
    mode
        "joint" blends the predicted image over all tiles after every diffusion step. "tiled" takes each tile
        through all steps and blends the results: tiles are independent, seams are more likely.
    evaluations
        Which steps of a diffusion are taken: all for quality, the first alone for preview, for fast what the card says;
        auto is fast where the card says that it costs next to nothing.
    settings
        Tile, overlap, batch and device; by default those of `Translator.layout`.
    grid
        Where the tiles lie, for a part of a larger image whose neighbours shall have the same tiles where they
        meet; by default they are laid out for the plane alone, as they are with other tiles after running
        out of memory.
    wanted
        Positions of the rows and of the columns of tiles of `grid`, half open, in which the translation is needed:
        before the last evaluation of a diffusion in joint mode so many more around them are computed as are to come.
        All by default.
    limits
        Remembers what fitted into memory, between calls.
    memo
        Remembers what the network of a diffusion answered, between calls.
    control
        Progress in tiles times steps, and cancel within one batch.

    Returns
    -------
    Translation

    Raises
    ------
    InputError
        If the plane or a parameter cannot be used.
    DeviceError
        If the device is missing, or memory ran out on the smallest plan.
    Cancelled
        If the person cancelled.

    Notes
    -----
    The sampler is that of SynDiff (Özbey et al. 2023): from t = T - 1 to 0 the network predicts the
    clean image, and the next state is drawn from the posterior of the diffusion. Because all noise
    belongs to positions, blending the predictions equals blending the states.
    """
    source = _as_source(plane)
    if mode not in get_args(Mode):
        raise InputError(f"There is no translation mode “{mode}”; use joint or tiled.")
    if samples < 1:
        raise InputError(f"{samples} samples cannot be drawn; ask for 1 or more.")
    _refuse_more_channels(translator)
    training_size = translator.card.architecture.get("image_size")
    layout = translator.layout
    asked = make_plan(settings, tile=layout.tile, overlap=layout.overlap, stride=translator.stride)
    own = layout.grid((source.shape[1], source.shape[2]), settings, None) if grid is None else grid
    notes = []
    if samples > 1 and not translator.diffusive:
        notes.append("This translator always gives the same answer: one sample was computed.")
        samples = 1

    def attempt(plan: Plan) -> NDArray[np.float32]:
        given = own if plan.tile == asked.tile else None
        job = _Job(translator.to(plan.device), source, plan, seed, origin, given, wanted, memo, evaluations)
        stage = control.stage("Translating", samples * job.units)
        return np.stack([job.run(sample, mode, stage) for sample in range(samples)])

    images, plan = with_back_off(attempt, asked, translator.sha256, limits=limits, stride=translator.stride)
    if training_size and plan.tile not in (training_size, layout.tile):
        notes.append(
            f"The translator was trained on tiles of {training_size} pixels, not {plan.tile}; "
            "look closely at the result."
        )
    images = np.clip((images + 1) / 2, 0, 1)
    spread = images.std(axis=0) if samples > 1 else None
    return Translation(images, images.mean(axis=0), spread, plan, (*plan.notes, *notes))


def _refuse_more_channels(translator: Translator) -> None:
    """Refuse generators that were built for a source of several channels, which can be loaded but not given an image."""
    if translator.diffusive and (channels := translator.source_channels) != 1:
        raise InputError(
            f"{translator.card.name} takes a source of {channels} channels at once, and only one can be translated; choose "
            "another translator."
        )


def _as_source(plane: NDArray[np.floating]) -> Tensor:
    """Check a plane and bring it from [0, 1] to the networks' [-1, 1]: (1, H, W)."""
    array = np.asarray(plane, dtype=np.float32)
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"A translation needs one 2D plane, not an array of shape {array.shape}.")
    if not (array.min() >= -1e-3 and array.max() <= 1 + 1e-3):  # False for NaN too
        raise InputError(
            "A translation needs intensities from 0 to 1 without NaN; normalise the image first."
        )
    return torch.from_numpy(array * 2 - 1)[None]


@dataclass(frozen=True)
class DiffusionNoise:
    """All noise of one sample of one image.

    Attributes
    ----------
    field
        The generator; seed, sample and device.
    origin
        (y, x) of the image in a larger image, so that a crop gets the noise of the whole.
    """

    field: PositionNoise
    origin: tuple[int, int] = (0, 0)

    def initial(self, origins: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the first state of tiles at `origins` (B, 2) int64 in image coordinates: (B, 1, h, w)."""
        return self.field.normal(0, _INITIAL, self._absolute(origins), shape)

    def posterior(self, step: int, origins: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the noise that is added after `step`: (B, 1, h, w)."""
        return self.field.normal(step, _POSTERIOR, self._absolute(origins), shape)

    def latent(self, step: int, size: int) -> Tensor:
        """Return the latent of `step`, one for all tiles: (size,)."""
        return self.field.latent(step, size)

    def _absolute(self, origins: Tensor) -> Tensor:
        return origins + torch.tensor(self.origin, dtype=torch.int64, device=origins.device)


@dataclass(eq=False)
class _Job:
    """One plane (1, H, W) with one translator on one plan."""

    translator: Translator
    source: Tensor
    plan: Plan
    seed: int
    origin: tuple[int, int]
    given: Grid | None
    wanted: Wanted | None
    memo: TileMemo | None
    evaluations: Evaluations

    def __post_init__(self) -> None:
        height, width = self.source.shape[1:]
        plan, card = self.plan, self.translator.card
        self.network = self.translator.network
        self.grid = self.given or make_grid(height, width, plan.tile, plan.overlap, self.translator.stride)
        self.window = BlendWindow.of(self.grid)
        self.schedule = self.translator.process if self.translator.diffusive else None
        self.latent_size = 0
        self.steps: tuple[int, ...] = (0,)
        if self.schedule is not None:
            self.steps = steps_of(card, self.evaluations, self.schedule.steps)
            self.latent_size = int(card.architecture["nz"])

    @property
    def units(self) -> int:
        """Tiles times evaluations of one sample, at most."""
        return len(self.grid) * len(self.steps)

    @property
    def _path(self) -> list[tuple[int, int]]:
        """Every step that is evaluated, and the one after it; -1 after the last."""
        return list(itertools.pairwise((*self.steps, -1)))

    def _order(self, to_come: int) -> list[int] | None:
        """Tiles that are computed when so many evaluations are still to come; None for all."""
        if self.wanted is None or self.given is None:
            return None
        counts = len(self.grid.rows.starts), len(self.grid.columns.starts)
        rows, columns = (
            range(max(low - to_come, 0), min(high + to_come, count))
            for (low, high), count in zip(self.wanted, counts, strict=True)
        )
        return [row * counts[1] + column for row in rows for column in columns]

    def run(self, sample: int, mode: Mode, stage: Stage) -> NDArray[np.float32]:
        """Return one translation in [-1, 1]: (H, W)."""
        if self.schedule is None:
            return self._blended(lambda tiles, origins: self.network(tiles), stage)
        with torch.inference_mode():
            if mode == "joint" and len(self.steps) > 1:
                return self._joint(self.schedule, sample, stage)
            return self._tiled(self.schedule, sample, stage)

    def _blended(
        self, function: Callable[[Tensor, Tensor], Tensor], stage: Stage | None
    ) -> NDArray[np.float32]:
        return run_tiles(
            self.source,
            function,
            self.grid,
            self.window,
            batch=self.plan.batch,
            device=self.plan.device,
            control_stage=stage,
            order=self._order(0),
        )[0]

    def _noise(self, sample: int, device: torch.device) -> DiffusionNoise:
        return DiffusionNoise(PositionNoise(self.seed, sample, device), self.origin)

    def _predict(self, step: int, latent: Tensor, state: Tensor, origins: Tensor) -> Tensor:
        """Return the predicted clean target of tiles (B, 1 + C, h, w), the state and what is told of the source: (B, 1, h, w)."""
        if self.memo is None:
            return self._compute(step, latent, state)
        about = (
            repr((self.translator.sha256, step, state.device.type)).encode() + latent.cpu().numpy().tobytes()
        )
        return self.memo.answers(about, state, partial(self._compute, step, latent))

    def _predict_of_source(self, step: int, latent: Tensor, tiles: Tensor, origins: Tensor) -> Tensor:
        """Do the same for tiles (B, 2, h, w) of the state and the source itself."""
        told = self.translator.told(tiles[:, 1:])
        return self._predict(step, latent, torch.cat([tiles[:, :1], told], dim=1), origins)

    def _compute(self, step: int, latent: Tensor, state: Tensor) -> Tensor:
        steps = torch.full((1,), step, dtype=torch.int64, device=state.device)
        if state.device.type == "cpu":
            # Same numbers, but convolutions on a CPU are 1.2 to 1.4 times as fast (measured) with channels last.
            state = state.contiguous(memory_format=torch.channels_last)
        prediction: Tensor = self.network(state, steps, latent[None])
        return prediction[:, :1]

    def _tiled(self, schedule: Steps, sample: int, stage: Stage) -> NDArray[np.float32]:
        noise = self._noise(sample, self.plan.device)

        def all_steps(tiles: Tensor, origins: Tensor) -> Tensor:
            state = torch.cat([noise.initial(origins, self.grid.tile), self.translator.told(tiles)], dim=1)
            for step, target in self._path:
                clean = self._predict(step, noise.latent(step, self.latent_size), state, origins)
                own = partial(noise.posterior, step, origins, self.grid.tile)
                _go_on(state[:, :1], clean, schedule.jump(step, target), own)
                stage.advance(len(tiles))
            return state[:, :1]

        return self._blended(all_steps, None)

    def _joint(self, schedule: Steps, sample: int, stage: Stage) -> NDArray[np.float32]:
        device = self.plan.device
        # The state, the source, the prediction, and room for the noise and the cropped source.
        home = home_of_planes(device, planes=5, grid=self.grid)
        noise = self._noise(sample, home)
        corner = torch.tensor([[self.grid.rows.first, self.grid.columns.first]])
        shape = self.grid.padded_shape
        state = torch.cat([noise.initial(corner, shape)[0], pad(self.source.to(home), self.grid)])
        for left, (step, target) in zip(reversed(range(len(self.steps))), self._path, strict=True):
            latent = noise.latent(step, self.latent_size).to(device)
            clean = blend_tiles(
                state,
                partial(self._predict_of_source, step, latent),
                self.grid,
                self.window,
                batch=self.plan.batch,
                device=device,
                control_stage=stage,
                order=self._order(left),
            )
            own = partial(noise.posterior, step, corner, shape)
            _go_on(state[None, :1], clean, schedule.jump(step, target), own)
        return crop(state[:1], self.grid)[0].cpu().numpy()


def _go_on(state: Tensor, clean: Tensor, jump: Jump, noise: Callable[[], Tensor]) -> None:
    """Replace a state by one that is drawn from the posterior of a later one, given the clean image."""
    state.mul_(jump.state).add_(clean, alpha=jump.clean)
    if jump.deviation:
        state.add_(noise(), alpha=jump.deviation)
