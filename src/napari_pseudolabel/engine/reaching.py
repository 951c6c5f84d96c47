"""A Dask client in a time that ends, whoever is at the other end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import Cancelled

if TYPE_CHECKING:
    from distributed import Client, Security

_CLOSE_S = 2
_LOOK_AGAIN_S = 0.05
# For somebody who has answered once; whoever ends meanwhile is waited for so long.
_SECOND_S = 12


def close(client: Client) -> None:
    """Leave a scheduler. What is left when that takes too long ends with the processes on the other side."""
    with suppress(Exception):
        client.close(timeout=_CLOSE_S)


def reach(
    address: str,
    security: Security,
    greet: Callable[[Client], None],
    *,
    patience_s: float,
    wanted: Callable[[], bool],
    near: bool = False,
) -> Client:
    """Connect to a scheduler.

    Parameters
    ----------
    greet
        Called with the client as soon as it is connected.
    patience_s
        How long to wait altogether, also for an address at which somebody listens and never answers.
    wanted
        Asked again and again.
    near
        Whether results come from the workers themselves, which elsewhere may not be reached from here.

    Raises
    ------
    TimeoutError
        If it takes longer.
    Cancelled
        If it is not wanted any more.
    Exception
        Whatever Dask says of addresses and certificates.
    """
    outcome: Future[Client] = Future()

    def connect() -> None:
        try:
            client = _connected(address, security, greet, patience_s, outcome.cancelled, near)
        except BaseException as error:
            with suppress(InvalidStateError):
                outcome.set_exception(error)
            return
        try:
            outcome.set_result(client)
        except InvalidStateError:  # nobody waits any more
            close(client)

    # A thread that may be left behind: it must not keep the process alive.
    threading.Thread(target=connect, name="pseudolabel-connect", daemon=True).start()
    until = time.monotonic() + patience_s
    while not wait([outcome], _LOOK_AGAIN_S).done:
        late = time.monotonic() > until
        if (late or not wanted()) and outcome.cancel():
            raise TimeoutError if late else Cancelled
    return outcome.result()


def _connected(
    address: str,
    security: Security,
    greet: Callable[[Client], None],
    patience_s: float,
    given_up: Callable[[], bool],
    near: bool,
) -> Client:
    from distributed import Client
    from distributed.comm import connect

    async def hear() -> None:
        # Dask itself waits for ever for the first word of somebody who listens and says nothing.
        options = security.get_connection_args("client")
        hearing = asyncio.ensure_future(connect(address, timeout=patience_s, **options))
        until = time.monotonic() + patience_s
        while not (await asyncio.wait({hearing}, timeout=_LOOK_AGAIN_S))[0]:
            if given_up() or time.monotonic() > until:
                hearing.cancel()
                raise TimeoutError
        hearing.result().abort()

    asyncio.run(hear())
    # In two steps, so that a client that cannot connect is closed below. Left to the garbage collector, its
    # finaliser may come while the next client is made in the same thread, and then waits for a lock that this one holds.
    client = Client.__new__(Client)
    try:
        Client.__init__(
            client,
            address,
            security=security,
            set_as_default=False,
            timeout=min(patience_s, _SECOND_S),
            direct_to_workers=near,
        )
        greet(client)
    except BaseException:
        close(client)
        raise
    return client
