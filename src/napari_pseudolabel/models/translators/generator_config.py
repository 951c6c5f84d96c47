"""How a generator of SynDiff is built. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.options import Option


@dataclass(frozen=True)
class GeneratorConfig:
    """Constructor arguments by their published names; the defaults are the published recipe.

    ``image_size`` and ``attn_resolutions`` only matter through `attn_levels`: attention belongs to
    a level of the network, so any tile whose sides are multiples of `stride` works.
    """

    image_size: Annotated[int, Option("Side of a patch in pixels.", least=1)] = 256
    num_channels: int = 2
    centered: bool = True
    use_geometric: bool = False
    beta_min: float = 0.1
    beta_max: float = 20.0
    num_channels_dae: Annotated[
        int, Option("num_channels_dae, channels of the first level.", least=1, flag="--width")
    ] = 64
    n_mlp: int = 3
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    num_res_blocks: int = 2
    attn_resolutions: tuple[int, ...] = (16,)
    dropout: float = 0.0
    resamp_with_conv: bool = True
    conditional: bool = True
    fir: bool = True
    fir_kernel: tuple[float, ...] = (1, 3, 3, 1)
    skip_rescale: bool = True
    resblock_type: str = "biggan"
    progressive: str = "none"
    progressive_input: str = "residual"
    progressive_combine: str = "sum"
    embedding_type: str = "positional"
    fourier_scale: float = 16.0
    not_use_tanh: bool = False
    nz: int = 100
    num_timesteps: int = 4
    z_emb_dim: int = 256

    @property
    def attn_levels(self) -> tuple[int, ...]:
        """Levels of the network (0 is full resolution) that carry attention."""
        sizes = [self.image_size // 2**level for level in range(len(self.ch_mult))]
        return tuple(level for level, size in enumerate(sizes) if size in self.attn_resolutions)

    @property
    def stride(self) -> int:
        """Height and width of an input must be multiples of this many pixels."""
        return int(2 ** (len(self.ch_mult) - 1))
