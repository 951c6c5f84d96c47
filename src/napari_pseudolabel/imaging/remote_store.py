"""A store of Zarr behind an address, whose answers are looked at before zarr takes them for pixels."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import zarr
from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.sync import sync
from zarr.storage import FsspecStore

from napari_pseudolabel.budget import parse_json
from napari_pseudolabel.errors import FileError, InputError
from napari_pseudolabel.imaging.addresses import address_in, check_address, protocols
from napari_pseudolabel.imaging.server_answers import is_refused, may_pass, meant, told
from napari_pseudolabel.imaging.zarr_store import METADATA

# What is asked again, and after how long: a server that is busy for a moment must not end a run of hours.
_PAUSES_S = (0.5, 2.0)
_CONNECT_S, _SILENT_S = 15, 30
_WEB = ("http", "https")
_NODES = ("zarr.json", ".zarray", ".zgroup")
_PACKAGES = {
    "http": "aiohttp",
    "https": "aiohttp",
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
}
_TAGS = ("ETag", "etag", "VersionId", "generation", "md5Hash", "Content-MD5", "content_md5", "Digest")
_TIMES = ("Last-Modified", "LastModified", "last_modified", "updated", "mtime", "created")
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class PieceFacts:
    """What a server says about a piece; of one that is not there the size is -1.

    Attributes
    ----------
    size
        In bytes; -2 where the server does not say.
    changed_ns
        When it was written, by the clock of the server; 0 where it does not say.
    tag
        Whatever else tells one content from another.
    """

    size: int = -1
    changed_ns: int = 0
    tag: str = ""


class RemoteStore(FsspecStore):
    """A `FsspecStore` in which a piece is missing only where the server says so, in a store that is still there.

    Whatever else goes wrong is asked again a few times, and then raised as a sentence: zarr fills what is missing, so that a
    server in trouble would become black pixels.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._nodes: set[str] = set()
        # Web servers list folders for people, all of it or a part, or nothing.
        self.supports_listing = not set(protocols(self)) & set(_WEB)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Read a piece, or a part of it; None where there is none.

        Raises
        ------
        InputError
            If it cannot be had, is beyond the budget, or is a web page.
        """
        url = f"{address_in(self)}/{key}"
        name = key.rpartition("/")[2]
        try:
            found = await _patiently(lambda: FsspecStore.get(self, key, prototype, byte_range), url)
        except _RefusedError:
            # Some stores do not say of what is missing that it is, where they may not be listed.
            if name in METADATA and await self._holds_another(key):
                return None
            raise
        if name in METADATA:
            if found is not None:
                _check_description(found.to_bytes(), url)
                self._nodes.add(key)
        elif found is None:
            await self._check_still_there(key)
        else:
            _check_length(len(found), byte_range, url)
        return found

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> list[Any]:
        """Read parts of pieces; as `get`."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether there is such a piece; raises as `get`."""
        return (await _facts(self.fs, f"{self.path}/{key}", f"{address_in(self)}/{key}")).size != -1

    async def _holds_another(self, key: str) -> bool:
        folder = key.rpartition("/")[0]
        for name in _NODES:
            other = f"{folder}/{name}".lstrip("/")
            if other == key:
                continue
            try:
                content = await self.fs._cat_file(f"{self.path}/{other}")
                _check_description(content, f"{address_in(self)}/{other}")
            except Exception:  # one of the others decides
                continue
            return True
        return False

    async def _check_still_there(self, key: str) -> None:
        """Ask whether what describes a missing piece is still there: of a store that was taken away all are missing."""
        folder = key
        while folder:
            folder = folder.rpartition("/")[0]
            for name in _NODES:
                node = f"{folder}/{name}".lstrip("/")
                if node in self._nodes:
                    if not await self.exists(node):
                        raise InputError(
                            f"{address_in(self)} is not there any more; nothing was taken for empty, check the address and start again."
                        )
                    return


class _RefusedError(InputError):
    """Somebody may not read a piece."""


def open_remote(url: str) -> zarr.Array | zarr.Group:
    """Open a store behind an address for reading.

    Raises
    ------
    InputError
        If a package is missing, the server cannot be reached or refuses, or there is no store.
    """
    # Of several questions of zarr the first that fails would leave the others in the air.
    if all(one == PieceFacts() for one in facts_of([f"{url}/{name}" for name in _NODES])):
        raise InputError(
            f"There is no Zarr array or group at {url} ({', '.join(_NODES)} are missing); check the address."
        )
    fs, path = _file_system(url)
    return zarr.open(RemoteStore(fs, read_only=True, path=path), mode="r")


def facts_of(urls: Sequence[str]) -> list[PieceFacts]:
    """Ask about pieces of one server, all at the same time; descriptions of arrays and groups are told by their content.

    Raises
    ------
    InputError
        If the server cannot be reached or refuses.
    """
    if not urls:
        return []
    fs, _ = _file_system(urls[0])

    async def ask() -> list[PieceFacts]:
        asked = (_facts(fs, fs._strip_protocol(url), url) for url in urls)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        return [one for one in answers if isinstance(one, PieceFacts)]

    found: list[PieceFacts] = sync(ask())
    return found


def server_time_ns(url: str) -> int | None:
    """Return what time it is there; None where nobody says: clocks that differ must not make a change look old."""
    if urlsplit(url).scheme not in _WEB:
        return None
    fs, path = _file_system(url)

    async def ask() -> str | None:
        session = await fs.set_session()
        async with session.head(fs.encode_url(path)) as answer:
            said: str | None = answer.headers.get("Date")
            return said

    said = sync(_patiently(ask, url))
    return None if said is None else _nanoseconds(said)


def _file_system(url: str) -> tuple[Any, str]:
    check_address(url)
    scheme = urlsplit(url).scheme
    try:
        store = FsspecStore.from_url(url, _options(scheme), read_only=True)
    except ImportError as error:
        package = _PACKAGES.get(scheme, "fsspec")
        raise InputError(
            f"Reading addresses that begin with {scheme}:// needs the package {package}; install it: pip install {package}"
        ) from error
    except Exception as error:  # each library has its own for settings that do not fit
        raise _sentence(meant(error), url) from error
    return store.fs, store.path


def _options(scheme: str) -> dict[str, Any]:
    if scheme not in _WEB:
        # What is remembered of a bucket would hide that it was changed.
        remembered = {} if scheme == "memory" else {"use_listings_cache": False}
        return {**remembered, "anon": True} if scheme == "s3" and _is_nobody() else remembered
    import aiohttp
    from fsspec.config import conf

    # Proxies and .netrc as other programs take them; what a person has set for fsspec goes first.
    ours = {
        "trust_env": True,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENT_S),
    }
    return {"client_kwargs": {**ours, **conf.get(scheme, {}).get("client_kwargs", {})}}


@lru_cache(maxsize=1)
def _is_nobody() -> bool:
    """Whether this computer has no credentials for S3, whose public buckets are read without; asking for them takes a while."""
    from botocore.session import Session
    from fsspec.config import conf

    return not conf.get("s3") and Session().get_credentials() is None


async def _patiently(ask: Callable[[], Awaitable[_Found]], url: str) -> _Found:
    """Ask, a few times if need be.

    Raises
    ------
    InputError
        What went wrong the last time.
    """
    for pause in (*_PAUSES_S, None):
        try:
            return await ask()
        except InputError:
            raise
        except Exception as error:
            real = meant(error)
            if pause is None or not may_pass(real):
                raise _sentence(real, url) from error
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


async def _facts(fs: Any, path: str, url: str) -> PieceFacts:
    async def ask() -> PieceFacts:
        try:
            if url.rpartition("/")[2] in METADATA:
                content = await fs._cat_file(path)
                return PieceFacts(len(content), 0, hashlib.sha256(content).hexdigest())
            info = await fs._info(path)
        except FileNotFoundError as error:
            if meant(error) is not error:
                raise
            return PieceFacts()
        if info.get("type") == "directory":
            return PieceFacts()
        size = info.get("size")
        changed = next((info[name] for name in _TIMES if info.get(name)), None)
        tags = [str(info[name]) for name in _TAGS if info.get(name)]
        return PieceFacts(-2 if size is None else int(size), _nanoseconds(changed), " ".join(tags))

    try:
        return await _patiently(ask, url)
    except _RefusedError:
        if url.rpartition("/")[2] in METADATA:
            return PieceFacts(tag="refused")  # there or not, it is the same for all
        raise


def _sentence(error: Exception, url: str) -> InputError:
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    why = told(error, host) or f"{host} did not give it ({error}); check the address"
    kind = _RefusedError if is_refused(error) else InputError
    return kind(f"{url} cannot be read: {why}.")


def _check_description(content: bytes, url: str) -> None:
    if content.lstrip()[:1] == b"<":
        raise InputError(
            f"{url} is a web page, where the description of a store was expected; give the address of the data themselves (behind "
            "a login they cannot be read)."
        )
    try:
        parse_json(content, url)
    except FileError as error:
        raise InputError(str(error)) from error


def _check_length(got: int, asked: Any, url: str) -> None:
    """Compare with the part of a piece that was asked for: some servers send the whole, which begins with other pixels."""
    if isinstance(asked, RangeByteRequest):
        wanted, exact = asked.end - asked.start, True
    elif isinstance(asked, SuffixByteRequest):
        wanted, exact = asked.suffix, False
    else:
        return
    if got > wanted:
        raise InputError(
            f"{url} holds several pieces in one file, of which its server does not send parts; download the image, or ask for a server "
            "that answers range requests."
        )
    if exact and got < wanted:
        raise InputError(f"{url} is shorter than it should be; it may be damaged.")


def _nanoseconds(time: object) -> int:
    """Return nanoseconds since 1970 of what servers call a time; 0 for what is none."""
    if isinstance(time, str):
        for parse in (parsedate_to_datetime, datetime.fromisoformat):
            with suppress(ValueError):
                return _nanoseconds(parse(time))
        return 0
    if isinstance(time, datetime):
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 10**9)
    return int(time * 10**9) if isinstance(time, int | float) else 0
