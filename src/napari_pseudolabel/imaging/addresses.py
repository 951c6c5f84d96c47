"""Addresses of stores, such as ``https://host/image.ome.zarr``, beside paths of this computer; also where a path was made of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.wording import some

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):[/\\]{1,2}(?=[^/\\])(.*)", re.DOTALL)
_READ = ("http", "https", "s3", "gs", "gcs", "az", "abfs", "memory")


def address_of(path: str | Path) -> str | None:
    """Return the address that is meant; None for a path of this computer.

    A `Path` of an address has one slash where there were two (on Windows backslashes), and means the same.
    """
    found = _ADDRESS.fullmatch(str(path))
    if found is None:
        return None
    rest = found[2].replace("\\", "/") if isinstance(path, Path) else found[2]
    return f"{found[1].lower()}://{rest.rstrip('/')}"


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; addresses are, until somebody asks."""
    return address_of(path) is not None or path.exists()


def is_read(url: str) -> bool:
    """Whether stores are read from addresses of this kind."""
    return urlsplit(url).scheme in _READ


def protocols(store: Any) -> tuple[str, ...]:
    """Kinds of addresses that a store of fsspec has."""
    fs = getattr(store.fs, "sync_fs", store.fs)  # what is not asynchronous is wrapped
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def address_in(store: Any) -> str:
    """Return the address at which a store of fsspec begins."""
    path: str = store.path.rstrip("/")
    return path if "://" in path else f"{protocols(store)[0]}://{path.lstrip('/')}"


def check_address(url: str) -> None:
    """Refuse what no store of pieces can be read from.

    Raises
    ------
    InputError
        For other kinds of addresses, and for passwords and queries in them.
    """
    parts = urlsplit(url)
    if not is_read(url):
        ways = some([f"{one}://" for one in _READ if one != "memory"], len(_READ))
        raise InputError(
            f"Addresses that begin with {parts.scheme}:// are not read; give one that begins with {ways}, or a path without "
            "such a beginning."
        )
    if "@" in parts.netloc and parts.scheme in ("http", "https"):
        # Addresses are written into provenance and shown.
        raise InputError(
            f"The address of {parts.hostname} holds a name or password; leave it out, and put it into the file .netrc in your home."
        )
    if parts.query or parts.fragment:
        raise InputError(
            f"The address {url.partition('?')[0].partition('#')[0]} goes on with ? or #, but every piece of a store has an "
            "address of its own; leave that part out."
        )
