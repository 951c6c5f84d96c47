"""What went wrong between this computer and a store elsewhere: whether it may pass, and in words.

Libraries are known by the names of their errors, because which of them is installed depends on the address.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

_PASSING = frozenset({408, 425, 429, *range(500, 600)})
_REFUSED = frozenset({401, 403, 407})
_BROKEN_OFF = {
    "ClientPayloadError",
    "ServerDisconnectedError",
    "IncompleteReadError",
    "ResponseStreamingError",
}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError"}
_UNREACHED = {
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
}
_CERTIFICATE = {"ClientConnectorCertificateError", "ClientConnectorSSLError", "SSLError"}
_ERRORS_OF_LIBRARIES = ("aiohttp", "botocore", "aiobotocore", "gcsfs", "google", "azure", "fsspec", "s3fs")


def meant(error: Exception) -> Exception:
    """Return what really happened: asked about a file, fsspec calls everything that goes wrong over HTTP "not found"."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) and _status(cause) != 404:
        return meant(cause) if _is_known(cause) else error
    return error


def is_of_a_server(error: BaseException) -> bool:
    """Whether it comes from a library that asks servers."""
    while not _is_known(error):
        if error.__cause__ is None:
            return False
        error = error.__cause__
    return True


def is_refused(error: Exception) -> bool:
    """Whether somebody may not read it, or did not say who he is."""
    return (
        isinstance(error, PermissionError)
        or _status(error) in _REFUSED
        or bool(_names(error) & _NO_CREDENTIALS)
    )


def may_pass(error: Exception) -> bool:
    """Whether the same question may be answered a moment later."""
    if is_refused(error) or isinstance(error, FileNotFoundError) or _names(error) & _CERTIFICATE:
        return False
    status = _status(error)
    if status is not None:
        return status in _PASSING
    return isinstance(error, OSError | asyncio.TimeoutError) or bool(
        _names(error) & (_BROKEN_OFF | _UNREACHED)
    )


def told(error: Exception, host: str) -> str | None:
    """Return what went wrong and what to do, as a clause; None where it has nothing to do with a server."""
    names, status = _names(error), _status(error)
    answer = "" if status is None else f" ({status}{_phrase(status)})"
    if names & _NO_CREDENTIALS:
        return f"{host} asks who you are, and this computer has no credentials for it; set them up as its provider says"
    if is_refused(error):
        return f"{host} refuses access{answer}; check that you may read it, and with which credentials"
    if status is not None and status in _PASSING:
        return f"{host} has trouble{answer}; try again later"
    if status is not None:
        return f"{host} did not give it{answer}; check the address"
    if names & _CERTIFICATE:
        return f"the certificate of {host} is not trusted; check the address"
    if names & _BROKEN_OFF or isinstance(error, ConnectionResetError):
        return f"{host} broke off in the middle; try again later"
    if isinstance(error, asyncio.TimeoutError) or "timeout" in "".join(names).lower():
        return f"{host} did not answer in time; check the connection, or try again later"
    if names & _UNREACHED or (
        isinstance(error, OSError) and (_is_known(error) or isinstance(error, ConnectionError))
    ):
        return f"{host} cannot be reached; check the address, and that this computer is online"
    return f"{host} did not give it ({error}); check the address" if _is_known(error) else None


def _names(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _status(error: Exception) -> int | None:
    """Return the number that a server has answered with; gcsfs calls it a code."""
    if not _is_known(error):
        return None
    number = getattr(error, "status", None) or getattr(error, "code", None)
    return number if isinstance(number, int) else None


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _is_known(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _ERRORS_OF_LIBRARIES for kind in type(error).__mro__)
