"""A generated case in one file of 1-3 MB: zlib over the volume, the twin's difference, bit masks and JSON, inside an .npz.

The high and low bytes of the voxels are compressed apart, as differences along the first axis: noise stays in the low bytes.
"""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.io.atomic import write_bytes
from asap.phantom.canvas import PlacedFinding, bounding_box
from asap.phantom.case import ORGANS, PhantomCase
from asap.phantom.sentences import PhantomSentence, union
from asap.volume import Volume

FILE_NAME = "case.npz"
FORMAT = 1
Mask = NDArray[np.bool_]


def save_case(folder: Path, case: PhantomCase) -> None:
    """Write `case.npz` into `folder` (created if need be). Raises ValueError when an organ is not one of ORGANS."""
    unknown = set(case.organs) - set(ORGANS)
    if unknown:
        raise ValueError("organs that the format cannot hold")
    volume = np.ascontiguousarray(case.volume.hu, dtype=np.int16)
    twin = np.ascontiguousarray(case.twin.hu, dtype=np.int16)
    text = {
        "format": FORMAT,
        "findings": [_plain(finding) for finding in case.findings],
        "sentences": [_plain(sentence) for sentence in case.sentences],
        "shown": [_source(case, sentence) for sentence in case.sentences],
        "organs": list(case.organs),
        "report": case.report,
    }
    masks = [finding.region for finding in case.findings] + list(case.organs.values())
    boxes, bits = _pack(masks)
    folder.mkdir(parents=True, exist_ok=True)
    whole = io.BytesIO()
    np.savez(
        whole,
        shape=np.array(volume.shape),
        affine=case.volume.affine,
        volume=_deflate(_planes(volume)),
        twin=_deflate((volume - twin).tobytes()),
        boxes=boxes,
        bits=_deflate(bits),
        text=_deflate(json.dumps(text).encode()),
    )
    write_bytes(folder / FILE_NAME, whole.getvalue(), "generated case")


def load_case(folder: Path) -> PhantomCase:
    """The case `save_case` wrote, equal in every voxel, mask and word."""
    with np.load(folder / FILE_NAME) as stored:
        shape = tuple(int(n) for n in stored["shape"])
        affine = stored["affine"]
        volume = _from_planes(_inflate(stored["volume"]), shape)
        twin = volume - np.frombuffer(_inflate(stored["twin"]), dtype=np.int16).reshape(shape)
        text: dict[str, Any] = json.loads(_inflate(stored["text"]))
        masks = _unpack(stored["boxes"], _inflate(stored["bits"]), shape)
    count = len(text["findings"])
    findings = tuple(
        PlacedFinding(**{**row, "modifiers": tuple(row["modifiers"])}, region=region)
        for row, region in zip(text["findings"], masks, strict=False)
    )
    organs = dict(zip(text["organs"], masks[count:], strict=True))
    sentences = []
    for row, shown in zip(text["sentences"], text["shown"], strict=True):
        region = None
        if shown == "findings":
            region = union([findings[n].region for n in row["findings"]])
        elif shown == "organ":
            region = organs[row["organ"]]
        sentences.append(PhantomSentence(**{**row, "findings": tuple(row["findings"])}, region=region))
    return PhantomCase(Volume(volume, affine), Volume(twin, affine), findings, tuple(sentences), organs, text["report"])


def _plain(item: PlacedFinding | PhantomSentence) -> dict[str, Any]:
    return {key: value for key, value in vars(item).items() if key != "region"}


def _source(case: PhantomCase, sentence: PhantomSentence) -> str:
    if sentence.region is None:
        return "none"
    return "organ" if sentence.organ is not None else "findings"


def _deflate(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress(data, 4), dtype=np.uint8)


def _inflate(data: NDArray[np.uint8]) -> bytes:
    return zlib.decompress(data.tobytes())


def _planes(hu: NDArray[np.int16]) -> bytes:
    steps = np.diff(hu, axis=0, prepend=np.zeros_like(hu[:1]))
    pairs = steps.view(np.uint8).reshape(-1, 2)
    return pairs[:, 0].tobytes() + pairs[:, 1].tobytes()


def _from_planes(data: bytes, shape: tuple[int, ...]) -> NDArray[np.int16]:
    pairs = np.frombuffer(data, dtype=np.uint8).reshape(2, -1)
    steps = np.empty((pairs.shape[1], 2), dtype=np.uint8)
    steps[:, 0], steps[:, 1] = pairs[0], pairs[1]
    return np.cumsum(steps.view(np.int16).reshape(shape), axis=0, dtype=np.int16)


def _pack(masks: list[Mask]) -> tuple[NDArray[np.int32], bytes]:
    """Boxes [n, 6] (start, stop) and the bits inside them, mask after mask, each padded to whole bytes."""
    boxes = np.zeros((len(masks), 6), dtype=np.int32)
    parts = []
    for row, mask in zip(boxes, masks, strict=True):
        box = bounding_box(mask)
        if box is not None:
            row[:] = [s.start for s in box] + [s.stop for s in box]
            parts.append(np.packbits(mask[box]).tobytes())
    return boxes, b"".join(parts)


def _unpack(boxes: NDArray[np.int32], bits: bytes, shape: tuple[int, ...]) -> list[Mask]:
    masks, at = [], 0
    for a, b, c, d, e, f in boxes.tolist():
        mask = np.zeros(shape, dtype=np.bool_)
        size = (d - a) * (e - b) * (f - c)
        used = -(-size // 8)
        packed = np.frombuffer(bits, dtype=np.uint8, count=used, offset=at)
        mask[a:d, b:e, c:f] = np.unpackbits(packed, count=size).reshape(d - a, e - b, f - c).view(np.bool_)
        masks.append(mask)
        at += used
    return masks
