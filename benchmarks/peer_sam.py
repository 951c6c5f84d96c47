"""Do Segment Anything, MobileSAM and micro-sam answer here as in their own packages, with the same (random) weights?

    python benchmarks/peer_sam.py sam|mobile-sam|decoder|objects|masks|image

Needed is `pip install --no-deps --target FOLDER` of micro-sam 1.8.14, torch-em 0.10.9, python-elf 0.9.2, bioimage-cpp 0.10.0,
segment-anything 1.0, a torchvision that fits torch, xxhash, timm, kornia, kornia_rs, natsort, h5py, joblib, scikit-learn, threadpoolctl,
narwhals, imageio, requests, skan and tqdm, for mobile-sam its folder `mobile_sam` of github.com/ChaoningZhang/MobileSAM beside them, then
`PYTHONPATH=FOLDER`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peer_networks import apart, differing, small_encoder
from scipy import ndimage
from skimage.segmentation import watershed

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.registry import load_segmenter
from napari_pseudolabel.models.segmenters.sam.distance_decoder import DecoderShape, distance_decoder
from napari_pseudolabel.models.segmenters.sam.distance_objects import DistanceThresholds, objects_of_distances
from napari_pseudolabel.models.segmenters.sam.sam_model import load_sam
from napari_pseudolabel.tiling import TileSettings

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import cellpose_case
import sam_case

_SIDE, _FEATURES = 256, 32


def sam(folder: Path) -> None:
    """Compare encoder and decoder of segment-anything, in a checkpoint as micro-sam writes it."""
    from segment_anything import SamPredictor

    theirs = _random_sam()
    grid = _SIDE // 16
    told = {f"sam.{name}": values for name, values in theirs.state_dict().items()}
    torch.save({"model_state": told, "decoder_state": {}}, folder / "small.pt")
    ours = load_sam(folder / "small.pt")
    images = torch.randn(1, 3, _SIDE, _SIDE)
    predictor = SamPredictor(theirs)
    predictor.set_image(np.zeros((150, 200, 3), np.uint8))
    with torch.no_grad():
        found = theirs.image_encoder(images)
        print("encoder:", apart(found, ours.network.image_encoder(images)))
        predictor.features = found
        clicks, inside = np.array([[60.0, 70], [120, 30], [20, 140]]), np.array([1, 0, 1])
        for count in (1, 3):
            _, quality, logits = predictor.predict(
                clicks[:count, ::-1].copy(), inside[:count], multimask_output=True
            )
            at = clicks[:count] * np.array(predictor.input_size) / np.array([150, 200])
            prompt = ours.network.prompt_encoder
            asked = prompt.points(
                torch.tensor(at[None, :, ::-1].copy(), dtype=torch.float32),
                torch.tensor(inside[None, :count], dtype=torch.bool),
                _SIDE,
            )
            masks, likely = ours.network.mask_decoder(
                found + prompt.no_mask_embed.weight[:, :, None, None], prompt.grid(grid, grid), asked
            )
            print(f"decoder, {count} clicks:", apart(torch.tensor(logits), masks[0, 1:]))
            print("  likelihood:", apart(torch.tensor(quality), likely[0, 1:]))


def mobile_sam(folder: Path) -> None:
    """Compare the encoder of MobileSAM, at its own size."""
    from mobile_sam import sam_model_registry

    theirs = sam_model_registry["vit_t"]()
    _shake(theirs.image_encoder)
    torch.save(theirs.state_dict(), folder / "vit_t.pth")
    ours = load_sam(folder / "vit_t.pth")
    image = torch.randn(1, 3, 1024, 1024)
    with torch.no_grad():
        print(
            "encoder of vit_t:", apart(theirs.eval().image_encoder(image), ours.network.image_encoder(image))
        )


def decoder(_folder: Path) -> None:
    """Compare the decoder of micro-sam, in both of its forms, in the mode in which micro-sam leaves it."""
    from micro_sam.instance_segmentation import DecoderAdapter
    from torch_em.model import UNETR

    features = torch.randn(1, 256, 32, 32)
    for transposed in (False, True):
        theirs = UNETR(
            encoder=_random_sam(256).image_encoder,
            out_channels=3,
            use_sam_stats=True,
            final_activation="Sigmoid",
            use_skip_connection=False,
            use_conv_transpose=transposed,
        )
        _shake(theirs)
        state = _without_encoder(theirs)
        ours = distance_decoder(DecoderShape.of(state, "decoder"), state, 256, "decoder")
        with torch.no_grad():
            found = DecoderAdapter(theirs)._forward_impl(features)
            print(f"decoder, transposed {transposed}:", apart(found, ours(features)))


def objects(_folder: Path) -> None:
    """Compare the objects that micro-sam makes of the same noisy distances."""
    import bioimage_cpp as bic
    from torch_em.util.segmentation import watershed_from_center_and_boundary_distances

    for seed in range(4):
        for noise in (0.5, 1.0, 2.0):
            answer = _noisy_distances(seed, noise)
            smooth = bic.filters.gaussian_smoothing(answer[0], sigma=1.0)
            for least in (0, 25):
                masks = watershed_from_center_and_boundary_distances(
                    answer[1], answer[2], smooth, min_size=least
                )
                own, _ = objects_of_distances(answer, DistanceThresholds(min_size=least))
                print(f"noise {noise}, min_size {least}:", differing(masks, own))


def masks(folder: Path) -> None:
    """Compare automatic masks of images that are one tile, by the network that was fitted to discs."""
    from micro_sam.instance_segmentation import AutomaticMaskGenerator
    from segment_anything import SamPredictor
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    shape, side, features = sam_case.SHAPE, sam_case.SIDE, sam_case.FEATURES
    likeness = {
        **small_encoder(),
        "depth": 2,
        "embed_dim": shape.width,
        "num_heads": shape.width // shape.head,
    }
    likeness["mlp_ratio"] = shape.hidden / shape.width
    transformer = TwoWayTransformer(depth=2, embedding_dim=features, mlp_dim=sam_case.WITHIN, num_heads=8)
    theirs = Sam(
        image_encoder=ImageEncoderViT(
            **likeness, img_size=side, window_size=4, global_attn_indexes=(1,), out_chans=features
        ),
        prompt_encoder=PromptEncoder(features, shape.grid, (side, side), mask_in_chans=sam_case.HIDDEN),
        mask_decoder=MaskDecoder(
            transformer_dim=features, transformer=transformer, iou_head_hidden_dim=features
        ),
    ).eval()
    theirs.load_state_dict(sam_case.weights()[0])
    path = sam_case.saved(folder / "sam.pth", decoder=False)
    for seed in range(6):
        image = cellpose_case.discs((sam_case.TILE,) * 2, seed, 0.3)[0].astype(np.uint8)
        for iou, stable in ((0.3, 0.5), (0.1, 0.3)):
            generator = AutomaticMaskGenerator(SamPredictor(theirs), points_per_side=12)
            generator.initialize(image)
            found = generator.generate(
                pred_iou_thresh=iou, stability_score_thresh=stable, with_background=False
            )
            said = {**sam_case.ARCHITECTURE, "stability_score_thresh": stable, "pred_iou_thresh": iou}
            model: Any = load_segmenter(
                path, {"architecture": said, "normalisation": {"low": 0, "high": 100}}
            )
            labels, _ = model.objects(
                image.astype(np.float32), settings=TileSettings(device="cpu"), control=Control(), part=None
            )
            print(f"iou above {iou}, stability above {stable}:", differing(found, labels))


def image(folder: Path) -> None:
    """Compare distances and objects from an image that is one tile, and what they are with another tile beside it."""
    from micro_sam.instance_segmentation import InstanceSegmentationWithDecoder, get_decoder, get_unetr
    from segment_anything import SamPredictor

    theirs = _random_sam(256)
    unetr = get_unetr(theirs.image_encoder, device="cpu")
    _shake(unetr)
    state = _without_encoder(unetr)
    torch.save({"model_state": theirs.state_dict(), "decoder_state": state}, folder / "both.pt")
    for seed in range(3):
        image = _discs(_SIDE // 2, seed)
        segmenter = InstanceSegmentationWithDecoder(
            SamPredictor(theirs), get_decoder(theirs.image_encoder, state, "cpu")
        )
        segmenter.initialize(image)
        model: Any = load_segmenter(
            folder / "both.pt",
            {"architecture": {"tile": _SIDE // 2}, "normalisation": {"low": 0, "high": 100}},
        )
        own = model.distances(
            image.astype(np.float32), settings=TileSettings(device="cpu"), control=Control(), part=None
        )
        told = np.stack([segmenter._foreground, segmenter._center_distances, segmenter._boundary_distances])
        print("distances:", apart(torch.tensor(told), torch.tensor(own)))
        print(
            "  objects:", differing(segmenter.generate(), objects_of_distances(own, DistanceThresholds())[0])
        )


def _random_sam(features: int = _FEATURES) -> Any:
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    grid = _SIDE // 16
    model = Sam(
        image_encoder=ImageEncoderViT(
            **small_encoder(), img_size=_SIDE, window_size=6, global_attn_indexes=(1, 3), out_chans=features
        ),
        prompt_encoder=PromptEncoder(features, (grid, grid), (_SIDE, _SIDE), mask_in_chans=16),
        mask_decoder=MaskDecoder(
            transformer_dim=features,
            transformer=TwoWayTransformer(depth=2, embedding_dim=features, mlp_dim=2048, num_heads=8),
            iou_head_hidden_dim=features,
        ),
    ).eval()
    for weights in model.parameters():
        weights.data.normal_(0, 0.25 if weights.ndim > 1 else 0.4)
    return model


def _shake(network: Any) -> None:
    """Make statistics, and answers, such that mistakes are seen."""
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values.normal_(0, 0.2)
        elif name.endswith("running_var"):
            values.uniform_(0.5, 1.5)
        elif name.endswith(("attention_biases", "bn.weight")):
            values.normal_(0.5, 0.5)
        elif name == "out_conv.weight":
            values.mul_(8)


def _without_encoder(network: Any) -> dict[str, torch.Tensor]:
    return {name: one for name, one in network.state_dict().items() if not name.startswith("encoder")}


def _discs(side: int, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    found = np.full((side, side), 40.0)
    y, x = np.mgrid[:side, :side]
    for _ in range(24):
        far = np.hypot(y - rng.uniform(0, side), x - rng.uniform(0, side))
        found[far < rng.uniform(4, 14)] = rng.uniform(80, 230)
    return np.clip(found + rng.normal(0, 6, found.shape), 0, 255).astype(np.uint8)


def _noisy_distances(seed: int, noise: float, side: int = 320) -> NDArray[np.float32]:
    """Return (3, side, side): what a decoder would say of cells that touch, with noise."""
    rng = np.random.default_rng(seed)
    marks = np.zeros((side, side), int)
    for number, (y, x) in enumerate(rng.integers(0, side, (90, 2)), start=1):
        marks[y, x] = number
    away = ndimage.distance_transform_edt(marks == 0)
    truth = watershed(away, marks, mask=away < 15)
    middle, edge = np.ones((side, side)), np.ones((side, side))
    for number, box in enumerate(ndimage.find_objects(truth), start=1):
        if box is None:
            continue
        own = truth[box] == number
        inner = ndimage.distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
        y, x = np.nonzero(own)
        far = np.hypot(*(np.indices(own.shape) - np.array([y.mean(), x.mean()])[:, None, None]))
        middle[box][own] = (far / far[own].max())[own]
        edge[box][own] = 1 - (inner / inner.max())[own]
    inside = 1 / (1 + np.exp(-(np.where(truth > 0, 2.5, -2.5) + rng.normal(0, 2, truth.shape))))
    blurred = ndimage.gaussian_filter(rng.normal(0, 0.6 * noise, (2, side, side)), (0, 2, 2))
    return np.stack([inside, *np.clip([middle + blurred[0], edge + blurred[1]], 0, 1)]).astype(np.float32)


COMPARED: dict[str, Callable[[Path], None]] = {
    "sam": sam,
    "mobile-sam": mobile_sam,
    "decoder": decoder,
    "objects": objects,
    "masks": masks,
    "image": image,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMPARED:
        sys.exit(f"Name one of {', '.join(COMPARED)}.")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as made:
        COMPARED[sys.argv[1]](Path(made))
