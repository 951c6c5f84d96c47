"""Small checkpoints as other programs write them."""

from __future__ import annotations

import sys
import types
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from syndiff_case import WITH_ATTENTION

from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.resnet import ResnetGenerator


def generator(seed: int = 0, config: GeneratorConfig = WITH_ATTENTION) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return NCSNpp(config).state_dict()


def resnet(seed: int = 0, width: int = 4, blocks: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return ResnetGenerator(width, blocks).state_dict()


def prefixed(state: Mapping[str, torch.Tensor], prefix: str = "module.") -> dict[str, torch.Tensor]:
    return {prefix + name: weight for name, weight in state.items()}


def discriminator() -> dict[str, torch.Tensor]:
    return {
        "t_embed.main.0.weight": torch.zeros(8, 8),
        "start_conv.weight": torch.zeros(8, 2, 1, 1),
        "conv1.conv1.0.weight": torch.zeros(8, 8, 3, 3),
        "end_linear.weight": torch.zeros(1, 8),
    }


def patch_discriminator() -> dict[str, torch.Tensor]:
    return {"model.0.weight": torch.zeros(4, 1, 4, 4), "model.2.weight": torch.zeros(8, 4, 4, 4)}


def archive(args: Any) -> dict[str, Any]:
    """What ``--save_content`` of SynDiff writes."""
    return {
        "epoch": 11,
        "global_step": 1000,
        "args": args,
        "gen_diffusive_1_dict": prefixed(generator(1)),
        "optimizer_gen_diffusive_1": {"state": {}, "param_groups": [{"lr": 1e-4, "params": [0]}]},
        "gen_diffusive_2_dict": prefixed(generator(2)),
        "disc_diffusive_1_dict": prefixed(discriminator()),
        "gen_non_diffusive_1to2_dict": prefixed(resnet(), "module.module."),
        "scheduler_gen_diffusive_1": {"last_epoch": 11, "num_timesteps": 77},
    }


def syndiff_arguments(**changes: Any) -> Namespace:
    values: dict[str, Any] = {
        "num_channels": 1,  # the trap: the run overwrites the true 2
        "num_channels_dae": 8,
        "image_size": 32,
        "ch_mult": [1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": (16,),
        "nz": 5,
        "num_timesteps": 6,
        "beta_min": 0.2,
        "beta_max": 15.0,
        "use_geometric": False,
        "centered": True,
        "not_use_tanh": True,
        "contrast1": "T1",
        "contrast2": "T2",
        "input_path": "/data",
        "ngf": 64,
        "seed": 1024,
    }
    return Namespace(**{**values, **changes})


def save_with_omegaconf(path: Path, settings: Mapping[str, Any]) -> None:
    """Write an archive whose arguments are pickled as omegaconf pickles them, without omegaconf."""
    module = types.ModuleType("omegaconf.dictconfig")
    nodes = types.ModuleType("omegaconf.nodes")
    for owner, name in ((module, "DictConfig"), (nodes, "AnyNode")):
        setattr(owner, name, type(name, (), {"__module__": owner.__name__}))

    def config(content: Mapping[str, Any], parent: Any = None) -> Any:
        node = module.DictConfig()
        items = {k: config(v, node) if isinstance(v, Mapping) else value(v, node) for k, v in content.items()}
        node.__dict__.update(_metadata=None, _parent=parent, _flags_cache=None, _content=items)
        return node

    def value(content: Any, parent: Any) -> Any:
        node = nodes.AnyNode()
        node.__dict__.update(_metadata=None, _parent=parent, _val=content)
        return node

    added = {"omegaconf": types.ModuleType("omegaconf"), module.__name__: module, nodes.__name__: nodes}
    sys.modules.update(added)
    try:
        torch.save(archive(config(settings)), path)
    finally:
        for name in added:
            del sys.modules[name]


class Hostile:
    """Writes a file when it is unpickled by a careless reader."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (exec, (f"open({str(self.target)!r}, 'w').close()",))
