"""One connection to workers: started when it is needed, closed for good or until it is needed again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_pseudolabel.engine.connection import Connection
from napari_pseudolabel.engine.process import HostProcess
from napari_pseudolabel.engine.reaching import close, reach
from napari_pseudolabel.errors import Cancelled, WorkerError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Task

# To a scheduler elsewhere; one of this machine may be slow, but is seen when it ends.
_CONNECT_S, _CONNECT_HERE_S = 15, 600
_SOON_S = 0.2
_LAST_WORDS_S = 2


def _always() -> bool:
    return True


class Lane:
    """Workers that one kind of jobs shares.

    Starting takes seconds, so `client` is called in threads of the engine only.

    Parameters
    ----------
    connection
        Where the workers are.
    connected
        Called with every new Dask client.
    """

    def __init__(self, connection: Connection, connected: Callable[[Client], None]) -> None:
        self.connection = connection
        self._connected = connected
        self._lock = threading.RLock()
        self._host: HostProcess | None = None
        self._client: Client | None = None
        self._shipped: dict[str, tuple[object, str]] = {}
        self._ended = False
        # One thread, so that of two messages the second one is the last word.
        self._messages = ThreadPoolExecutor(1, "pseudolabel-messages")

    @property
    def alive(self) -> bool:
        """Whether the connection holds, as far as can be told without asking."""
        host, client = self._host, self._client
        # A client that connects again has lost its tasks, and may meet another scheduler.
        if client is None or client.status != "running":
            return False
        return self.connection.remote or (host is not None and host.alive)

    def client(self, wanted: Callable[[], bool] = _always) -> Client:
        """Return the Dask client; starts workers, or connects, if there is none.

        Parameters
        ----------
        wanted
            Asked before workers are started: a job may have been cancelled while it waited for them.

        Raises
        ------
        WorkerError
            If workers cannot be started, or the scheduler does not answer.
        Cancelled
            If it is not wanted any more.
        """
        with self._lock:
            if self._ended:
                raise WorkerError("The workers were shut down; open the dock again.")
            if not wanted():
                raise Cancelled
            if self._client is not None and not self.alive:
                self._close()
            if self._client is None:
                try:
                    self._client = self._connect(wanted)
                except Exception as error:
                    self._close()
                    if not wanted():
                        raise Cancelled from error
                    raise
            return self._client

    def submit(
        self, client: Client, function: Callable[..., object], *arguments: object, key: str, priority: int = 0
    ) -> Task:
        """Hand a task to the workers."""
        import dask

        # Pixels travel inside of tasks, which Dask warns about from 10 MB on.
        with self._lock, dask.config.set({"distributed.admin.large-graph-warning-threshold": "10GiB"}):
            task: Task = client.submit(function, *arguments, key=key, priority=priority, pure=False)
            return task

    def ship(self, client: Client, refs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """See to it that workers elsewhere have these checkpoints; those on this machine read the files.

        Returns
        -------
        tuple of (str, str)
            Reference and name of each package.
        """
        if not self.connection.remote:
            return ()
        from napari_pseudolabel.engine.packages import pack, state

        with self._lock:
            for ref in refs:
                now = state(ref)
                if ref not in self._shipped or self._shipped[ref][0] != now:
                    package = pack(ref)
                    client.register_plugin(package)
                    self._shipped[ref] = now, package.name
            return tuple((ref, self._shipped[ref][1]) for ref in refs)

    def say(self, message: Callable[[], None]) -> None:
        """Do something that may have to wait for workers, such as `run`; in order, in a thread of its own."""
        with suppress(RuntimeError):  # after the end nobody is there to hear
            self._messages.submit(message)

    def run(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on every worker that there is, outside of tasks."""
        client = self._client
        # Workers that are leaving need not be told.
        if client is not None and self.alive:
            with suppress(Exception):
                client.run(function, *arguments, on_error="ignore")

    def pids(self) -> tuple[int, ...]:
        """Return processes of this machine that belong to the lane."""
        host = self._host
        return host.pids() if host is not None else ()

    def close(self, for_good: bool = False) -> None:
        """End the workers of this machine, or leave the scheduler; returns when the processes are gone."""
        if for_good:
            self._ended = True
        if self.connection.remote:
            self._hear_out()
        if not self._lock.acquire(timeout=_SOON_S):
            # Another thread holds it while it starts the workers that are not wanted any more.
            if (host := self._host) is not None:
                host.begin_to_end()
            self._lock.acquire()
        try:
            self._close()
        finally:
            self._lock.release()
        if for_good:
            self._messages.shutdown(wait=False)

    def _close(self) -> None:
        client, self._client = self._client, None
        host, self._host = self._host, None
        self._shipped.clear()
        if client is not None:
            close(client)
        if host is not None:
            host.end()

    def _hear_out(self) -> None:
        """Let workers that live on hear what was said until now: they would go on with what was cancelled."""
        heard: Future[None] = Future()
        self.say(lambda: heard.set_result(None))
        with suppress(TooLate):
            heard.result(_LAST_WORDS_S)

    def _connect(self, wanted: Callable[[], bool]) -> Client:
        # Takes most of a second to import.
        from distributed import Security

        from napari_pseudolabel.engine.worker import Keeper

        connection, host = self.connection, None
        if connection.address is not None:
            address = connection.address
            files = {
                "tls_ca_file": connection.tls_ca_file,
                "tls_client_cert": connection.tls_cert,
                "tls_client_key": connection.tls_key,
            }
            pems = {name: str(file) for name, file in files.items() if file}
        else:
            self._host = host = HostProcess()
            told = host.told()
            address = told["address"]
            pems = {
                "tls_ca_file": told["ca"],
                "tls_client_cert": told["certificate"],
                "tls_client_key": told["key"],
            }

        def greet(client: Client) -> None:
            client.register_plugin(Keeper())
            self._connected(client)

        try:
            return reach(
                address,
                Security(require_encryption=address.startswith("tls"), **pems),
                greet,
                patience_s=_CONNECT_S if host is None else _CONNECT_HERE_S,
                wanted=lambda: wanted() and (host is None or host.alive),
                near=host is not None,
            )
        # Dask has many ways to say that addresses and certificates do not fit.
        except Exception as error:
            if not wanted():
                raise Cancelled from error
            if host is not None:
                raise WorkerError("The worker process ended while it started; try again.") from error
            raise WorkerError(
                f"The scheduler at {address} does not answer ({type(error).__name__}); check the address, "
                "the network and the TLS files."
            ) from error
