"""Where the workers are: beside the window, or behind the address of a scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.errors import InputError


@dataclass(frozen=True)
class Connection:
    """How to reach workers.

    Attributes
    ----------
    address
        Of a Dask scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``; None starts workers on this machine
        when they are needed.
    tls_ca_file, tls_cert, tls_key
        PEM files for a scheduler that asks for TLS, all three or none.
    """

    address: str | None = None
    tls_ca_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def __post_init__(self) -> None:
        if self.address is not None and "://" not in self.address:
            raise InputError(
                f"“{self.address}” is no address of a scheduler; give one like tcp://192.168.0.7:8786."
            )
        files = (self.tls_ca_file, self.tls_cert, self.tls_key)
        if any(files) and not all(files):
            raise InputError("TLS needs three files: the certificate authority, the certificate and the key.")
        if missing := next((file for file in files if file and not Path(file).is_file()), None):
            raise InputError(f"There is no file {missing}; check the TLS settings.")

    @property
    def remote(self) -> bool:
        """Whether the workers are behind an address."""
        return self.address is not None

    @property
    def warning(self) -> str:
        """What a person should know before jobs go there; empty for workers of this machine."""
        if self.address is None:
            return ""
        sentence = f"Jobs run on the workers behind {self.address}: whoever runs that scheduler can run programs as you."
        if self.tls_cert is None:
            sentence += " Nothing is encrypted on the way and nobody is asked who they are; use it in closed networks only."
        return sentence
