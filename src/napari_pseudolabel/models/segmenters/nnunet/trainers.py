"""What the trainer of an nnU-Net checkpoint did to the network that the plans describe.

The plans do not know: a trainer is a class, and one that replaces the network leaves them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.nnunet.plans import Network

_PLAIN = "nnUNetTrainer"
# Those that come with nnU-Net v2. They change losses, optimisers, augmentation, sampling and length, and leave the network.
_UNCHANGING = re.compile(
    r"nnUNetTrainer_?("
    r"(Vanilla)?Ada[mn](\den\d)?(CosAnneal)?|Benchmark\w*|(Dice)?(CE|TopK|Topk)\w*|Dice\w*|CosAnneal|(no)?DA\w*|NoDA"
    r"|NoDeepSupervision|NoMirroring|\d+epochs?(_NoMirroring)?|noDummy2DDA|onlyMirror\w*|probabilisticOversampling\w*"
    r"|warmup)?"
)
_BATCH = "BN"
_BATCH_NORM = "torch.nn.modules.batchnorm.BatchNorm2d"
_STATISTICS = ".norm.running_mean"


@dataclass(frozen=True)
class Trainer:
    """Who trained a network.

    Attributes
    ----------
    name
        Of its class; empty if neither the checkpoint nor the folder tells.
    """

    name: str = ""

    @classmethod
    def of(cls, content: Mapping[str, object], folder: Path) -> Trainer:
        """Read it from a checkpoint, or else from the name of the model folder."""
        name = content.get("trainer_name")
        if not isinstance(name, str):
            before, separator, _ = folder.resolve().name.partition("__")
            name = before if separator and before.startswith(_PLAIN) else ""
        return cls(name[:100])

    @property
    def assumed(self) -> tuple[str, ...]:
        """Its name if nobody knows whether it changes what weights do not show, such as activations."""
        own = _UNCHANGING.fullmatch(self.name) or self.name == _PLAIN + _BATCH
        return () if own or not self.name else ("trainer",)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Say that it is the trainer's doing where weights do not fit the plans.

        Raises
        ------
        CheckpointError
            In place of any other.
        """
        try:
            yield
        except CheckpointError as error:
            if not self.assumed:
                raise
            raise CheckpointError(
                f"The trainer {self.name} is not one of nnU-Net and changes the network, which plans.json does not tell, "
                f"so that it cannot be built. {error}"
            ) from error


def as_trained(network: Network, weights: Mapping[str, object]) -> Network:
    """Return the network as the trainer built it, with batch normalisation where the weights have its statistics."""
    if not any(name.endswith(_STATISTICS) for name in weights) or not network.norm_op:
        return network
    if "BatchNorm" in network.norm_op or (network.norm_op_kwargs or {}).get("track_running_stats"):
        return network
    return network.model_copy(
        update={"norm_op": _BATCH_NORM, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    )
