"""Small image files that claim what they do not hold; each made in a folder of the test."""

from __future__ import annotations

import inspect
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from no_files import NO_FILES


def _tiff(
    path: Path, tags: dict[int, tuple[int, int, int]], data: bytes = b"\0" * 64, next_page: int = 0
) -> Path:
    """A TIFF file of one page: code -> (type, count, value or offset)."""
    entries = b"".join(struct.pack("<HHII", code, *tags[code]) for code in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_page)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory + data)
    return path


def _page(width: int, height: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    """Tags of an uncompressed grey page of bytes."""
    codes = {"compression": 259, "offsets": 273, "counts": 279, "rows": 278, "tile": 322, "tile_length": 323}
    codes |= {
        "tile_offsets": 324,
        "tile_counts": 325,
        "description": 270,
        "samples": 277,
        "bits": 258,
        "inner": 330,
    }
    found = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1)}
    found |= {259: (3, 1, 1), 273: (4, 1, 200), 278: (4, 1, height), 279: (4, 1, 64)}
    return found | {codes[name]: value for name, value in more.items()}


def huge(path: Path) -> Path:
    return _tiff(path, _page(2_000_000, 2_000_000))


def huge_deflated(path: Path) -> Path:
    return _tiff(path, _page(1_000_000, 1_000_000, compression=(3, 1, 8)))


def many_tiles(path: Path) -> Path:
    tags = _page(
        16_000_000,
        16,
        tile=(3, 1, 16),
        tile_length=(3, 1, 16),
        tile_offsets=(4, 1, 200),
        tile_counts=(4, 1, 64),
    )
    return _tiff(path, tags)


def many_strips(path: Path) -> Path:
    return _tiff(path, _page(16, 200_000_000, rows=(4, 1, 1)))


def loop(path: Path) -> Path:
    return _tiff(path, _page(8, 8), next_page=8)


def inner_loop(path: Path) -> Path:
    return _tiff(path, _page(8, 8, inner=(13, 1, 8)))


def behind_the_end(path: Path) -> Path:
    return _tiff(path, _page(8, 8, offsets=(4, 1, 2**31)))


def a_million_values_of_a_tag(path: Path) -> Path:
    return _tiff(path, _page(8, 8, offsets=(4, 2**30, 200), counts=(4, 2**30, 200)))


def imagej(path: Path) -> Path:
    text = b"ImageJ=1.53t\nimages=100000000\nslices=100000000\n\0"
    return _tiff(path, _page(8, 8, description=(2, len(text), 8 + 2 + 10 * 12 + 4)), data=text + b"\0" * 256)


def imagej_of_large_planes(path: Path) -> Path:
    text = b"ImageJ=1.53t\nimages=900000\nslices=900000\n\0"
    return _tiff(
        path, _page(8000, 8000, description=(2, len(text), 8 + 2 + 10 * 12 + 4)), data=text + b"\0" * 256
    )


def _ome(path: Path, xml: str) -> Path:
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), description=xml, metadata=None)
    return path


def _pixels(**sizes: int) -> str:
    said = {"SizeX": 8, "SizeY": 8, "SizeZ": 1, "SizeC": 1, "SizeT": 1, **sizes}
    named = " ".join(f'{name}="{value}"' for name, value in said.items())
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" {named}><Channel ID="Channel:0:0" '
        'SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    )


def a_billion_planes(path: Path) -> Path:
    return _ome(path, _pixels(SizeZ=1_000_000_000))


def planes_by_multiplying(path: Path) -> Path:
    return _ome(path, _pixels(SizeZ=100_000, SizeT=100_000))


def a_million_rows(path: Path) -> Path:
    return _ome(path, _pixels(SizeX=1_000_000, SizeY=1_000_000))


def entities(path: Path) -> Path:
    lines = "".join(f'<!ENTITY l{n} "&l{n - 1};&l{n - 1};">' for n in range(1, 40))
    head = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY l0 "ha">{lines}]><OME>&l39;</OME>'
    return _ome(path, head)


def deep_xml(path: Path) -> Path:
    return _ome(path, _pixels().replace("<TiffData/>", "<TiffData/>" + "<A>" * 200_000 + "</A>" * 200_000))


def many_images(path: Path) -> Path:
    """OME-XML in which one plane is named a hundred thousand times."""
    return _ome(path, _pixels().replace("<TiffData/>", '<TiffData IFD="0" PlaneCount="999999999"/>'))


def png(path: Path, width: int = 2_000_000, height: int = 2_000_000) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )
    return path


def jpeg(path: Path) -> Path:
    from PIL import Image

    Image.new("RGB", (16, 16)).save(path, format="JPEG")
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    path.write_bytes(bytes(content))
    return path


def _zarr_array(path: Path, shape: list[int], chunks: list[int], **more: object) -> Path:
    """A Zarr array of which not one chunk is there."""
    path.mkdir()
    said = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": chunks,
        "dtype": "|u1",
        "compressor": None,
        "fill_value": 0,
    }
    (path / ".zarray").write_text(json.dumps(said | {"order": "C", "filters": None} | more))
    return path


def zarr_planes(path: Path) -> Path:
    return _zarr_array(path, [10**12, 8, 8], [1, 8, 8])


def zarr_tiny_chunks(path: Path) -> Path:
    return _zarr_array(path, [1_000_000, 1_000_000], [1, 1])


def zarr_huge_chunk(path: Path) -> Path:
    return _zarr_array(path, [2**40, 2**10], [2**40, 2**10])


def zarr_pipe(path: Path) -> Path:
    path.mkdir()
    os.mkfifo(path / ".zarray")
    return path


def zarr_pipe_for_a_chunk(path: Path) -> Path:
    _zarr_array(path, [8, 8], [8, 8])
    os.mkfifo(path / "0.0")
    return path


def zarr_deep(path: Path) -> Path:
    path.mkdir()
    (path / ".zarray").write_text("[" * 50_000 + "]" * 50_000)
    return path


def zarr_link_to_itself(path: Path) -> Path:
    path.mkdir()
    (path / ".zarray").symlink_to(path / ".zarray")
    return path


ANSWERED: tuple[Callable[[Path], Path], ...] = (inner_loop, a_million_values_of_a_tag, a_million_rows)
_MADE_HERE = [one for name, one in vars().items() if inspect.isfunction(one) and not name.startswith("_")]
REFUSED: tuple[Callable[[Path], Path], ...] = (*(one for one in _MADE_HERE if one not in ANSWERED), *NO_FILES)
