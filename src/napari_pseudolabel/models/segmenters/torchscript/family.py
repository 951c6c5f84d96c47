"""What the house asks of TorchScript files; none of it runs one but `loads`."""

from __future__ import annotations

from napari_pseudolabel.budget import open_zip
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters.torchscript.examining import look
from napari_pseudolabel.models.segmenters.torchscript.layout import recognises
from napari_pseudolabel.models.segmenters.torchscript.segmenter import (
    FAMILY,
    NOT_RECOGNISED,
    TorchScriptSegmenter,
    load,
)
from napari_pseudolabel.models.sidecar import complete, sidecar_path, unknown_modalities


def declines(offer: Offer) -> str:
    """Why it is no TorchScript archive."""
    return "" if recognises(offer.path) else NOT_RECOGNISED


def describes(offer: Offer) -> Inspection | None:
    """Describe an archive by its card, after its program was looked at in a process of its own; it does not run."""
    if not offer.is_zip or not _has_constants(offer):
        return None
    path, given = offer.path, offer.given
    look(path)
    needed = [name for name in ("classes", "normalisation") if name not in given]
    missing = (*needed, *unknown_modalities(given, ("source",)))
    card = complete(given, path, kind="segmenter", family=FAMILY, missing=missing)
    what = "TorchScript segmenter"
    if needed:
        problem = (
            f"{path.name} is a TorchScript network that does not say its {' and '.join(needed)}; "
            f"write them into {sidecar_path(path).name} beside it."
        )
        return useless(path, what, problem, missing=missing, card=card)
    note = (
        "A TorchScript file is a program. Its operators were checked, and it runs only when you segment with it; "
        "README.md says what that holds off. Use files that you trust.",
    )
    return useful(path, what, card, note=note)


def loads(offer: Offer) -> TorchScriptSegmenter:
    """See `load`."""
    return load(offer.path, offer.card)


def _has_constants(offer: Offer) -> bool:
    with open_zip(offer.path) as archive:
        return any(name.lower().endswith("/constants.pkl") for name in archive.namelist())
