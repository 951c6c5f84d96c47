"""Carry labels from an imaging modality where they exist to one where they do not."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-pseudolabel")
except PackageNotFoundError:  # running from a checkout that was never installed
    __version__ = "0+unknown"
