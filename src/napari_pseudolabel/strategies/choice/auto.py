"""How the choice of a way stands in lists beside the strategies; it makes no labels itself, what it chooses does."""

from napari_pseudolabel.strategies.strategy import Strategy

AUTO = Strategy(
    "auto",
    "Find the best way",
    "tries the ways that are possible on a part of the images, and takes the one whose labels hold up best",
    "Tries what your models can do on what is in view, shows it side by side, and takes what agrees best with itself "
    "and with the others. Look at the pictures: one click takes another.",
    term="Choice by agreement",
    chooses=True,
)
