"""One uploaded volume on disk: declared, filled part by part in any order, verified, read back without trust.

Voxels travel as int16 little endian Hounsfield units, i fastest; "shuffle-zlib" is zlib of all low bytes, then all high bytes.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asap import limits
from asap.errors import InputError, LimitError
from asap.pause import Pause, no_pause
from asap.volume import Affine, Volume, checked_affine
from monailabel_app.server.service_errors import insufficient_storage, not_found, unprocessable

BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class UploadSpec:
    """What a client declares before it sends anything. bytes, sha256: of the encoded form."""

    shape: tuple[int, int, int]
    affine_ras_mm: tuple[tuple[float, ...], ...]
    encoding: Literal["shuffle-zlib", "raw"]
    bytes: int
    sha256: str
    part_bytes: int

    @property
    def raw_bytes(self) -> int:
        """Size of the voxels themselves."""
        i, j, k = self.shape
        return 2 * i * j * k

    @property
    def parts(self) -> int:
        """Number of parts; the last may be shorter."""
        return -(-self.bytes // self.part_bytes)

    def part_length(self, number: int) -> int:
        """Bytes of one part."""
        return min(self.part_bytes, self.bytes - number * self.part_bytes)

    @property
    def affine(self) -> Affine:
        """The declared geometry, checked."""
        return checked_affine(np.array(self.affine_ras_mm, dtype=np.float64))

    def check(self) -> None:
        """Refuse what could never become a Volume before a byte of it is accepted: 422 bad_volume."""
        try:
            limits.check_shape(self.shape, 2)
            checked_affine(np.array(self.affine_ras_mm, dtype=np.float64))
        except (InputError, LimitError) as error:
            raise unprocessable(str(error), "bad_volume") from error
        if self.encoding == "raw" and self.bytes != self.raw_bytes:
            raise unprocessable("The declared bytes are not those of the shape's int16 voxels.", "bad_volume")
        if self.bytes > self.raw_bytes + self.raw_bytes // 1000 + 1024:
            raise unprocessable("The declared bytes are more than the shape's voxels can need.", "bad_volume")
        if self.parts > limits.MAX_UPLOAD_PARTS:
            raise unprocessable(f"The upload would have more than {limits.MAX_UPLOAD_PARTS} parts; make them larger.")


@contextmanager
def storage_errors() -> Iterator[None]:
    """A file that is gone means its study was closed; any other refusal of the system means no space: 507."""
    try:
        yield
    except FileNotFoundError as error:
        raise not_found("study") from error
    except OSError as error:
        raise insufficient_storage() from error


def reserve(path: Path, size: int) -> None:
    """Create the file with its whole size set aside: a full disk is met before the first part, 507, and no file is left."""
    with storage_errors():
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(handle)


def write_part(path: Path, offset: int, data: bytearray) -> None:
    """Put one whole part in its place."""
    with storage_errors():
        handle = os.open(path, os.O_WRONLY)
        try:
            written = 0
            with memoryview(data) as view:
                while written < len(data):
                    written += os.pwrite(handle, view[written:], offset + written)
        finally:
            os.close(handle)


def digest(path: Path) -> str:
    """sha256 of the file, block by block."""
    sha256 = hashlib.sha256()
    with storage_errors(), path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sha256.update(block)
    return sha256.hexdigest()


def read_volume(path: Path, spec: UploadSpec, pause: Pause = no_pause) -> Volume:
    """The volume of a verified upload. Memory: the voxels and one block. InputError when the content is not what was declared.

    pause: called after each block; what it raises ends the reading.
    """
    raw = np.empty(spec.raw_bytes, dtype=np.uint8)
    with storage_errors(), path.open("rb") as file:
        if spec.encoding == "raw":
            if file.readinto(raw.data) != spec.raw_bytes:
                raise _not_as_declared()
        else:
            _inflate_planes(iter(lambda: file.read(BLOCK_BYTES), b""), raw, pause)
    i, j, k = spec.shape
    hu: NDArray[np.int16] = raw.view("<i2").astype(np.int16, copy=False).reshape(k, j, i).transpose(2, 1, 0)
    return Volume(hu, spec.affine)


def _inflate_planes(blocks: Iterator[bytes], raw: NDArray[np.uint8], pause: Pause) -> None:
    """Inflate into the low, then the high bytes; stops at the declared size + 1 whatever the stream would still yield."""
    voxels = len(raw) // 2
    planes = (raw[0::2], raw[1::2])
    inflater, filled = zlib.decompressobj(), 0
    try:
        for block in blocks:
            pending = block
            while pending and not inflater.eof:
                out = np.frombuffer(inflater.decompress(pending, BLOCK_BYTES), dtype=np.uint8)
                pending = inflater.unconsumed_tail
                if filled + len(out) > len(raw):
                    raise _not_as_declared()
                filled = _place(planes, voxels, filled, out)
                pause()
            if inflater.eof:
                break
    except zlib.error as error:
        raise _not_as_declared() from error
    if filled != len(raw) or not inflater.eof or inflater.unused_data or next(blocks, b""):
        raise _not_as_declared()


def _place(planes: tuple[NDArray[np.uint8], NDArray[np.uint8]], voxels: int, filled: int, out: NDArray[np.uint8]) -> int:
    while len(out):
        plane, start = divmod(filled, voxels)
        count = min(len(out), voxels - start)
        planes[plane][start : start + count] = out[:count]
        out, filled = out[count:], filled + count
    return filled


def _not_as_declared() -> InputError:
    return InputError("The uploaded voxels are not what was declared; send the case again.")
