"""Files that come from elsewhere on demand, checked by their hash; what goes wrong is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError

_TIMEOUT_S = 30


class _Bar:
    """What pooch moves while it downloads: our progress, which also cancels."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._stage: Any = None
        self.total = 0

    def update(self, size: int) -> None:
        if self._stage is None:
            self._stage = self._control.stage("Downloading", max(int(self.total), 1))
        self._control.check()
        self._stage.advance(size)

    def reset(self) -> None:
        """Pooch sets the bar back before it says that all is there."""
        self._stage = None

    def close(self) -> None:
        """Nothing is left open."""


def download(url: str, sha256: str, path: Path, instead: str, control: Control | None = None) -> Path:
    """Return a file on this computer, downloaded unless it is there already.

    Parameters
    ----------
    url
        Of the file, http or https.
    sha256
        Of its content; a file of another content at `path` is replaced.
    path
        Where it is kept.
    instead
        What to do instead, for the sentence: "open the sample again".
    control
        Progress in bytes, and cancel; None for none.

    Raises
    ------
    InputError
        One sentence when the computer is offline, the file is gone or not the expected one, or its folder
        cannot be written to; no incomplete or wrong file is kept.
    Cancelled
        If the person cancelled; nothing is kept.
    """
    import pooch

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise InputError(f"{path.name} cannot be downloaded from {url}: only http and https are followed.")
    try:
        found = pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(
                timeout=_TIMEOUT_S, **({"progressbar": _Bar(control)} if control is not None else {})
            ),
        )
    except (OSError, ValueError) as error:  # those of requests are OSErrors
        host = f"{parts.scheme}://{parts.netloc}"
        raise InputError(f"{path.name} {_why(error, host, path.parent)} and {instead}.") from error
    return Path(found)


def _why(error: Exception, host: str, folder: Path) -> str:
    """Return what went wrong, and what to do before it is tried again."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        said = error.response
        answer = error if said is None else f"{said.status_code} {said.reason}"
        return f"could not be downloaded because {host} refused it ({answer}); wait a while"
    if isinstance(error, exceptions.Timeout):
        return f"could not be downloaded because {host} did not answer in time; check the connection"
    if isinstance(error, exceptions.RequestException):
        return f"could not be downloaded because the connection to {host} failed; connect to the internet"
    if isinstance(error, OSError):
        why = error.strerror or error
        return f"could not be stored in {folder} ({why}); make room or let this folder be written to"
    # pooch: the hash differs
    return (
        f"was not kept because what {host} sent is not the expected file (its checksum differs); wait a while"
    )
