"""The archive: exactly the entries that ``torch.jit.save`` writes, copied one by one.

PyTorch's own reader of archives knows no upper and lower case, and believes what an archive says of itself. It is
handed the copy, so it sees nothing that was not looked at.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.budget import open_regular, open_zip
from napari_pseudolabel.errors import CheckpointError, FileError

_TOP = r"[^/\\\x00-\x1f]{1,255}"
_KNOWN = re.compile(
    r"data\.pkl|constants\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data/(serialization_id|version)"
    r"|traced_inputs\.pkl|(data|constants|traced_inputs)/(0|[1-9]\d{0,9})"
    r"|code/__torch__(/\w+)*\.py(\.debug_pkl)?"
    r"|extra/[^\x00-\x1f]{1,255}",
    re.ASCII,
)
# What PyTorch does not need to load the network: where its source lines were, what it was traced with, notes.
_LEFT_OUT = re.compile(r".*\.debug_pkl|extra/.*|traced_inputs.*", re.DOTALL)
_NEEDED = ("data.pkl", "constants.pkl")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_SIZES_FOLLOW = 0x08
_FLAGS = 0x0808  # sizes behind the content, names in UTF-8
_FAR = 0xFFFFFFFF
_TEXT_BYTES = 2**26
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class TorchScriptArchive:
    """What an archive holds.

    Attributes
    ----------
    name
        Of the file.
    entries
        Content by path below the one folder of the archive.
    sha256
        Of the file, whose content all of this comes from.
    """

    name: str
    entries: dict[str, bytes]
    sha256: str

    def sources(self) -> dict[str, bytes]:
        """Source text by path."""
        return {path: text for path, text in self.entries.items() if path.endswith(".py")}

    def packed(self) -> io.BytesIO:
        """Return the archive as PyTorch reads it."""
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as archive:
            for path, content in self.entries.items():
                archive.writestr(zipfile.ZipInfo(f"archive/{path}"), content)
        copy.seek(0)
        return copy


def recognises(path: Path) -> bool:
    """Whether a file is a TorchScript archive, by its table of contents."""
    try:
        return has_constants(path)
    except (FileError, OSError):
        return False


def has_constants(path: Path) -> bool:
    """Whether a zip archive has the entry that tells TorchScript from other files; raises as `budget.open_zip` does."""
    with open_zip(path) as archive:
        return any(name.lower().endswith("/constants.pkl") for name in archive.namelist())


def read(path: Path) -> TorchScriptArchive:
    """Read an archive.

    Raises
    ------
    CheckpointError
        If anything in it is not as ``torch.jit.save`` writes it.
    """
    try:
        with open_regular(path) as opened:
            data = opened.read()
        with io.BytesIO(data) as file, zipfile.ZipFile(file) as archive:
            found = archive.infolist()
            top = _checked_names(found, path)
            _check_headers(archive, file, path.name, len(data))
            entries = {}
            for info in found:
                inside = info.filename.removeprefix(f"{top}/")
                if not _LEFT_OUT.fullmatch(inside):
                    entries[inside] = archive.read(info)
    except CheckpointError:
        raise
    except (*_BROKEN, OSError):
        raise damaged(path.name) from None
    return TorchScriptArchive(path.name, entries, hashlib.sha256(data).hexdigest())


def damaged(name: str) -> CheckpointError:
    """Return the sentence about a file that is cut or changed."""
    return CheckpointError(f"{name} is incomplete or damaged; copy or download it again.")


def foreign(name: str, what: str) -> CheckpointError:
    """Return the sentence about something that does not belong into a TorchScript file."""
    return CheckpointError(
        f"{name} {what}, as no file that torch.jit.save writes; it was not loaded. Save the network again."
    )


def _checked_names(found: list[zipfile.ZipInfo], path: Path) -> str:
    """Check what the table of contents says; returns the name of the one folder."""
    name = path.name
    tops = {info.filename.partition("/")[0] for info in found}
    if len(tops) != 1 or not re.fullmatch(_TOP, top := tops.pop()):
        raise damaged(name)
    inside = [info.filename.removeprefix(f"{top}/") for info in found]
    if any(one.endswith("model.json") for one in inside):
        raise CheckpointError(f"{name} is of PyTorch 1.2 or older; save it again.")
    if any(one == "bytecode.pkl" for one in inside):
        raise CheckpointError(f"{name} was saved for phones; save it again with torch.jit.save.")
    unknown = next((one for one in inside if not _KNOWN.fullmatch(one)), None)
    if unknown is not None:
        raise foreign(name, f"holds an entry “{_shown(unknown)}”")
    if len({one.lower() for one in inside}) != len(inside):
        raise foreign(name, "holds two entries of one name")
    if any(needed not in inside for needed in _NEEDED):
        raise damaged(name)
    return top


def _check_headers(archive: zipfile.ZipFile, file: io.BytesIO, name: str, size: int) -> None:
    """Check that the table of contents and what stands before each entry say the same, and fit the file."""
    if archive.comment:
        raise foreign(name, "has a comment")
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    texts = sum(i.file_size for i in infos if i.filename.endswith((".py", ".pkl", ".debug_pkl", "version")))
    if texts > _TEXT_BYTES or sum(i.file_size for i in infos) > 4 * size + _TEXT_BYTES:
        raise CheckpointError(f"{name} unpacks to far more than a network needs; it was not loaded.")
    end = 0
    for info in infos:
        if (info.external_attr >> 16) and stat.S_ISLNK(info.external_attr >> 16):
            raise foreign(name, f"holds a link, “{_shown(info.filename)}”")
        if info.flag_bits & ~_FLAGS or info.compress_type not in _METHODS:
            raise foreign(name, f"holds “{_shown(info.filename)}” encrypted or packed in an unusual way")
        if (info.header_offset != end and info.header_offset < end) or (end == 0 and info.header_offset != 0):
            raise foreign(name, "holds entries that overlap, or something before the first")
        file.seek(info.header_offset)
        magic, _, flags, method, _, _, crc, packed, unpacked, letters, extra = _LOCAL.unpack(
            file.read(_LOCAL.size)
        )
        said = file.read(letters).decode("utf-8")
        sizes = [(info.CRC, info.compress_size, info.file_size)]
        if flags & _SIZES_FOLLOW:
            sizes.append((0, 0, 0))
        head = magic, said, method, flags
        same = head == (b"PK\3\4", info.orig_filename, info.compress_type, info.flag_bits)
        # Files above 4 GB have their sizes elsewhere.
        if not same or ((crc, packed, unpacked) not in sizes and (packed, unpacked) != (_FAR, _FAR)):
            raise foreign(name, f"says different things of “{_shown(info.filename)}”")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise damaged(name)
        end = info.header_offset + _LOCAL.size + letters + extra + info.compress_size
    if end > size:
        raise damaged(name)


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text[:80])
