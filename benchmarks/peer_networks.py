"""Do networks of other tools answer here as in their own package, with the same (random) weights?

    python benchmarks/peer_networks.py cellpose3|cellpose4

Each needs its package: `pip install --no-deps --target FOLDER` of cellpose 3.1.1.3 (with fastremap, fill_voids, natsort, numba, llvmlite
and opencv-python-headless) or of cellpose 4.2.1.1 (with segment-anything 1.0 and torchvision instead of numba), then `PYTHONPATH=FOLDER`.
They are no dependencies of ours, and the older one asks for another numpy. For Segment Anything and micro-sam see `peer_sam.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import contingency_table
from skimage.segmentation import watershed

from napari_pseudolabel.models.registry import load_segmenter
from napari_pseudolabel.models.segmenters.cellpose.flow_dynamics import FlowThresholds, objects_of_flows

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import cellpose_case


def apart(theirs: torch.Tensor, ours: torch.Tensor) -> str:
    """Say how far two answers are apart."""
    return f"at most {float((theirs - ours).abs().max()):.1e} of {float(theirs.abs().max()):.2g} apart"


def differing(theirs: NDArray[Any], ours: NDArray[Any]) -> str:
    """Say in how many pixels two numbered images differ, whatever their numbers are."""
    table = contingency_table(theirs.astype(int), ours.astype(int)).toarray()
    # An object that is none of ours has no counterpart, so all of its pixels differ.
    best = np.array([0, *(1 + table[number, 1:].argmax() for number in range(1, int(theirs.max()) + 1))])
    pixels = int((best[theirs.astype(int)] != ours).sum())
    return f"{len(np.unique(theirs)) - 1} and {len(np.unique(ours)) - 1} objects, {pixels} of {theirs.size} pixels differ"


def cellpose3(folder: Path) -> None:
    """Compare networks, then objects, of cellpose 3."""
    from cellpose import models, resnet_torch

    network = resnet_torch.CPnet([2, 32, 64, 128, 256], 3, 3, max_pool=True).eval()
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values.normal_(0, 0.2)
        elif name.endswith("running_var"):
            values.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), folder / "random.pth")
    images = torch.randn(2, 2, 96, 112)
    ours: Any = load_segmenter(folder / "random.pth", {"architecture": {"in_channels": 2}})
    with torch.no_grad():
        print("network:", apart(network(images)[0], ours.network(images)))

    fitted = resnet_torch.CPnet(list(cellpose_case.WIDTHS), 3, 3, max_pool=True, diam_mean=8.0)
    fitted.load_model(str(cellpose_case.saved(folder / "fitted")))
    forward = fitted.eval().forward
    fitted.forward = lambda x: (forward(x)[0], torch.zeros(len(x), 256), None)
    model = models.CellposeModel(gpu=False, pretrained_model=str(folder / "random.pth"))
    model.net, model.diam_mean, model.diam_labels = fitted, 8.0, 8.0
    for side in (208, 512):
        image, _ = cellpose_case.discs((side, side), 5)
        masks, flows, _ = model.eval(image, channels=[0, 0], diameter=8.0, resample=True)
        answer = np.concatenate([flows[1], flows[2][None]]).astype(np.float32)
        print(f"the same flows, {side} px:", differing(masks, objects_of_flows(answer, FlowThresholds())))


def cellpose4(folder: Path) -> None:
    """Compare the network of Cellpose-SAM, and the dynamics of cellpose 4."""
    from cellpose import dynamics, vit
    from segment_anything.modeling import ImageEncoderViT

    class Backbone:
        def __init__(self) -> None:
            self.image_encoder = ImageEncoderViT(
                **small_encoder(), img_size=1024, window_size=14, global_attn_indexes=[1, 3], out_chans=16
            )

    vit.sam_model_registry = {"vit_l": lambda _: Backbone()}
    network = vit.CPSAM()
    for name, weights in network.named_parameters():
        if name not in ("W2", "diam_mean", "diam_labels"):
            weights.data.normal_(0, 0.15 if weights.ndim > 1 else 0.3)
    network.save_model(str(folder / "small"))
    ours: Any = load_segmenter(folder / "small")
    image = torch.randn(2, 1, 256, 256)
    with torch.no_grad():
        print(
            "network:",
            apart(network.eval()(image.repeat(1, 3, 1, 1))[0], ours.network(image.repeat(1, 3, 1, 1))),
        )
    for seed in range(4):
        answer = _noisy_flows(dynamics, seed)
        for threshold in (0.4, 0.0):
            masks = dynamics.resize_and_compute_masks(answer[:2], answer[2], flow_threshold=threshold)
            own = objects_of_flows(answer, FlowThresholds(flow_threshold=threshold))
            print(f"the same flows, threshold {threshold}:", differing(masks, own))


def _noisy_flows(dynamics: Any, seed: int, side: int = 320) -> NDArray[np.float32]:
    """Return (3, side, side): flows and logits of cells that touch, with noise."""
    rng = np.random.default_rng(seed)
    marks = np.zeros((side, side), int)
    for number, (y, x) in enumerate(rng.integers(0, side, (90, 2)), start=1):
        marks[y, x] = number
    distance = ndimage.distance_transform_edt(marks == 0)
    truth = watershed(distance, marks, mask=distance < 15).astype(np.uint16)
    flows = dynamics.labels_to_flows([truth.copy()])[0][2:4] * 5
    flows = flows + ndimage.gaussian_filter(rng.normal(0, 6, (2, side, side)), (0, 2, 2))
    logits = np.where(ndimage.binary_erosion(truth > 0), 4, -4) + rng.normal(0, 2.4, (side, side))
    return np.concatenate([flows, logits[None]]).astype(np.float32)


def small_encoder() -> dict[str, Any]:
    """Return what makes an encoder of Segment Anything small."""
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    return {
        "depth": 4,
        "embed_dim": 32,
        "num_heads": 2,
        "patch_size": 16,
        "mlp_ratio": 4,
        "norm_layer": norm,
        "qkv_bias": True,
        "use_rel_pos": True,
    }


PACKAGES: dict[str, Callable[[Path], None]] = {
    "cellpose3": cellpose3,
    "cellpose4": cellpose4,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PACKAGES:
        sys.exit(f"Name one of {', '.join(PACKAGES)}.")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as made:
        PACKAGES[sys.argv[1]](Path(made))
