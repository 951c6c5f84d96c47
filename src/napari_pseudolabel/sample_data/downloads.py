"""Real micrographs, downloaded on demand from their public home and checked by their hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_pseudolabel.types import JsonObject

HOST = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class RealSample:
    """One file in a public repository.

    Attributes
    ----------
    title
        Name shown to the person.
    modality
        As checkpoints call it.
    repository, commit, path
        Where the file lives on GitHub; the commit pins its content.
    sha256
        Of the file.
    pixel_size_um
        Side of a pixel in micrometres, as the data set states it.
    licence
        SPDX identifier of the data.
    """

    title: str
    modality: Literal["SEM", "TEM"]
    repository: str
    commit: str
    path: str
    sha256: str
    pixel_size_um: float
    licence: str = "MIT"

    def url(self, host: str = HOST) -> str:
        """Address of the file on `host`."""
        return f"{host}/{self.repository}/{self.commit}/{self.path}"

    def origin(self) -> JsonObject:
        """Where the pixels come from, JSON-able, for the metadata of layers."""
        return {
            "origin": self.url(),
            "sha256": self.sha256,
            "licence": self.licence,
            "modality": self.modality,
            "pixel_size_um": self.pixel_size_um,
        }


# Both animals are held out of the training of the shipped checkpoints.
REAL_SEM = RealSample(
    title="SEM axons (rat spinal cord)",
    modality="SEM",
    repository="axondeepseg/data_axondeepseg_sem",
    commit="a4d02a1adec4bde04267baab3770e18f441afd73",
    path="sub-rat4/micr/sub-rat4_sample-data12_SEM.png",
    sha256="d121f05fe9f03458b4dd9a9e4f0fdeba64e5cbd97ec4584415931144e012b764",
    pixel_size_um=0.1,
)
REAL_TEM = RealSample(
    title="TEM axons (mouse corpus callosum)",
    modality="TEM",
    repository="axondeepseg/data_axondeepseg_srf_testing",
    commit="e72182a4e4a986dbffd161bd8d2dcb265bab5502",
    path="sub-371/micr/sub-371_sample-0005_acq-roi_TEM.png",
    sha256="eb783e7b6278812faf99e75ff41e9cd179d085bba816de7597db1679fcf0265f",
    pixel_size_um=0.00493,
)


def fetch(sample: RealSample, *, cache: Path | None = None, host: str = HOST) -> Path:
    """Path of a sample on this computer, downloaded the first time.

    Parameters
    ----------
    sample
        What to fetch.
    cache
        Folder that keeps the files; the user's cache folder (``pooch.os_cache``) if None.
    host
        Start of the address, for mirrors.

    Raises
    ------
    InputError
        One sentence when the computer is offline, the file is gone or not the expected one, or the cache
        folder cannot be written to; no incomplete or wrong file is kept.
    """
    import pooch

    from napari_pseudolabel.models.downloading import download

    folder = cache or Path(pooch.os_cache("napari-pseudolabel"))
    instead = "open the sample again, or open a generated one, which needs no network"
    return download(sample.url(host), sample.sha256, folder / Path(sample.path).name, instead)
