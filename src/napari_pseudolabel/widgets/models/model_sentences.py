"""What the Models dock says about models, in few words."""

from __future__ import annotations

from urllib.parse import urlsplit

from napari_pseudolabel.budget import in_words
from napari_pseudolabel.models.families import why_not_packed
from napari_pseudolabel.models.headline import headline
from napari_pseudolabel.models.inspection_lines import purpose
from napari_pseudolabel.models.model_zoo import ZooModel
from napari_pseudolabel.widgets.models.models_jobs import ListedModel

PACKING = "Write the chosen segmenter as a BioImage.IO package, for ilastik, deepImageJ and others"


def not_packed(model: ListedModel) -> str:
    """Say why a model cannot be exported as a package; empty if it can."""
    if not model.here:
        return "It is not on this computer yet; get it first."
    if model.card is None or model.problem:
        return model.problem or "Nobody knows what this file is."
    return why_not_packed(model.card.kind, model.card.family)


def does(model: ListedModel) -> str:
    """Say what a model is for: "SEM to TEM", "SEM: axon, myelin"."""
    card = model.card
    if card is None:
        return "unknown kind"
    if card.kind == "translator":
        return purpose(card)
    names = ", ".join(one.name for one in card.classes if one.value) or "unknown classes"
    return f"{card.source.name}: {names}" if card.source and card.source.name else names


def quality(model: ListedModel) -> str:
    """One number per class, or that there is none."""
    if model.problem:
        return "cannot be used"
    return headline(model.card) or "not measured"


def origin(model: ListedModel) -> str:
    """Say where it came from, and how large it is."""
    if model.zoo is not None:
        return f"not on this computer · {urlsplit(model.zoo.url).netloc}"
    where = {"user": "yours", "zoo": "from a zoo"}.get(model.ref.partition(":")[0], "comes with the plugin")
    return f"{in_words(model.size)} · {where}"


def elsewhere(model: ZooModel) -> str:
    """Say what the zoo tells of a model that is not here."""
    about = model.about and f"{model.about.rstrip('.')}.\n"
    return f"{about}It is not on this computer yet; Get downloads and checks it.\n{model.url}\nsha256 {model.sha256}"


def removing(model: ListedModel) -> str:
    """Ask before a model goes."""
    return f"Move {model.path.name} with its card to the trash? Sessions and recipes that name {model.ref} will not find it any more."


def added(ref: str) -> str:
    """Say that a model has a name now."""
    return f"Added as {ref}; it is in the lists of the Label dock."


def counted(number: int) -> str:
    """Say how many models are listed, where there are none."""
    return "" if number else "There is no model of this kind yet: add one from a file or folder."
