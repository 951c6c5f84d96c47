"""One connection to workers: started when it is needed, closed for good or until it is needed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any

from napari_pseudolabel.engine.connection import Connection
from napari_pseudolabel.errors import WorkerError

_PATIENCE_S = 60
_GRACE_S = 8


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

    def __init__(self, connection: Connection, connected: Callable[[Any], None]) -> None:
        self.connection = connection
        self._connected = connected
        self._lock = threading.RLock()
        self._host: subprocess.Popen[str] | None = None
        self._client: Any = None
        self._packed: set[str] = set()

    @property
    def open(self) -> bool:
        """Whether workers are there."""
        return self._client is not None

    @property
    def alive(self) -> bool:
        """Whether the connection still holds, as far as can be told without asking."""
        host, client = self._host, self._client
        if client is None or client.status not in ("running", "connecting"):
            return False
        return self.connection.remote or (host is not None and host.poll() is None)

    def client(self) -> Any:
        """The Dask client; starts workers, or connects, if there is none.

        Raises
        ------
        WorkerError
            If workers cannot be started, or the scheduler does not answer.
        """
        with self._lock:
            if self._client is not None and not self.alive:
                self.close()
            if self._client is None:
                self._client = self._connect()
                self._connected(self._client)
            return self._client

    def ship(self, refs: tuple[str, ...]) -> None:
        """See to it that workers elsewhere have these checkpoints; those on this machine read the files."""
        if not self.connection.remote:
            return
        from napari_pseudolabel.engine.packages import pack

        client = self.client()
        for package in map(pack, refs):
            key = package.ref + package.sha256
            if key not in self._packed:
                client.register_plugin(package)
                self._packed.add(key)

    def pids(self) -> tuple[int, ...]:
        """Processes of this machine that belong to the lane."""
        import psutil

        host = self._host
        if host is None or host.poll() is not None:
            return ()
        children = psutil.Process(host.pid).children(recursive=True)
        return (host.pid, *(child.pid for child in children))

    def close(self) -> None:
        """End the workers of this machine, or leave the scheduler; returns when the processes are gone."""
        with self._lock:
            client, self._client = self._client, None
            host, self._host = self._host, None
            self._packed.clear()
            if client is not None:
                client.close(timeout=2)
            if host is not None:
                _end(host)

    def _connect(self) -> Any:
        # Takes most of a second to import.
        from distributed import Client, Security

        from napari_pseudolabel.engine.worker import Keeper

        connection = self.connection
        if connection.address is not None:
            address = connection.address
            security = Security(
                require_encryption=address.startswith("tls"),
                **(
                    {
                        "tls_ca_file": str(connection.tls_ca_file),
                        "tls_client_cert": str(connection.tls_cert),
                        "tls_client_key": str(connection.tls_key),
                    }
                    if connection.tls_ca_file
                    else {}
                ),
            )
        else:
            told = self._start()
            address = told["address"]
            security = Security(
                require_encryption=True,
                tls_ca_file=told["ca"],
                tls_client_cert=told["certificate"],
                tls_client_key=told["key"],
            )
        try:
            client = Client(address, security=security, set_as_default=False, timeout="20s")
            client.register_plugin(Keeper())
        except (OSError, TimeoutError, ValueError) as error:
            raise WorkerError(
                f"The scheduler at {address} does not answer ({type(error).__name__}); check the address, "
                "the network and the TLS files."
            ) from error
        return client

    def _start(self) -> dict[str, str]:
        # -P: a file of the person in the current folder must not stand in for a module.
        command = [sys.executable, "-P", "-m", "napari_pseudolabel.engine.host", "1"]
        # A group of its own keeps Ctrl-C away; a session of its own would undo the low priority on Linux.
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}  # type: ignore[attr-defined]
            if os.name == "nt"
            else {"process_group": 0}
        )
        with tempfile.TemporaryFile("w+") as complaints:
            self._host = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, **group
            )
            assert self._host.stdout is not None
            line = _read_line(self._host.stdout, _PATIENCE_S)
            if not line:
                host, self._host = self._host, None
                _end(host)
                complaints.seek(0)
                raise WorkerError(
                    "The worker process could not be started; close other programs and try again. "
                    f"It said: {complaints.read()[-500:].strip() or 'nothing'}"
                )
        told: dict[str, str] = json.loads(line)
        return told


def _read_line(stream: IO[str], patience_s: float) -> str:
    """One line, or what had come when patience ended."""
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(patience_s)
    return found[0] if found else ""


def _end(host: subprocess.Popen[str]) -> None:
    """Close the standard input of a host, which ends it with its workers; kill what is left after a while."""
    import psutil

    try:
        children = psutil.Process(host.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    if host.stdin is not None:
        host.stdin.close()
    try:
        host.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()
    for child in children:
        if child.is_running():
            child.kill()
    psutil.wait_procs(children, timeout=_GRACE_S)
    if host.stdout is not None:
        host.stdout.close()
