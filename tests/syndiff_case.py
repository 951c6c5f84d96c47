"""Small SynDiff generators, and settings of a training that takes a second."""

from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings

WITH_ATTENTION = GeneratorConfig(
    image_size=32, num_channels_dae=8, ch_mult=(1, 2), num_res_blocks=1, n_mlp=1, nz=5, z_emb_dim=8
)
GENERATOR = GeneratorConfig(
    image_size=32,
    num_channels_dae=8,
    ch_mult=(1, 1),
    num_res_blocks=1,
    n_mlp=1,
    nz=4,
    z_emb_dim=8,
    attn_resolutions=(),
    num_timesteps=2,
)
SYNDIFF = SynDiffSettings(
    steps=6, batch=2, one_pass_width=4, critic_width=4, save_every=2, r1_every=2, ema=0.5, generator=GENERATOR
)
