"""The binary formats: what is packed comes back exactly, and nothing else gets through or costs memory."""

from __future__ import annotations

import base64
import copy
import json
import random
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.client import HeatmapBox, ProtocolError
from asap.client.wire import (
    MAX_BOX_CELLS,
    TOP_LEVEL,
    inflate_exactly,
    pack_map,
    pack_voxels,
    to_json,
    unpack_map,
    unpack_voxels,
)
from tests.strategies import affines

Affine = tuple[tuple[float, ...], ...]


@st.composite
def boxes(draw: st.DrawFn) -> HeatmapBox:
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    start = draw(st.tuples(*[st.integers(0, 9)] * 3))
    beyond = draw(st.tuples(*[st.integers(0, 9)] * 3))
    cells = shape[0] * shape[1] * shape[2]
    return HeatmapBox(
        shape=shape,
        affine_ras_mm=tuple(tuple(float(x) for x in row) for row in draw(affines())),
        grid_shape=tuple(s + n + b for s, n, b in zip(start, shape, beyond, strict=True)),  # type: ignore[arg-type]
        grid_start=start,
        peak=draw(st.floats(0, 1)),
        threshold=draw(st.floats(0, 1)),
        levels=bytes(draw(st.lists(st.integers(0, TOP_LEVEL), min_size=cells, max_size=cells))),
    )


@settings(max_examples=200, deadline=None)
@given(boxes())
def test_a_box_comes_back_as_it_was(box: HeatmapBox) -> None:
    assert unpack_map(json.loads(to_json(pack_map(box)))) == box


@settings(max_examples=100, deadline=None)
@given(boxes())
def test_heat_is_the_share_of_the_peak(box: HeatmapBox) -> None:
    expected = np.frombuffer(box.levels, np.uint8).astype(np.float64) / TOP_LEVEL * box.peak
    assert np.allclose(box.heat(), expected, rtol=1e-6, atol=1e-45)
    assert box.heat().itemsize == 4


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 9)] * 3), st.integers(1, 64))
def test_voxels_come_back_however_they_are_cut(seed: int, shape: tuple[int, int, int], piece: int) -> None:
    hu = np.random.default_rng(seed).integers(-(2**15), 2**15, shape).astype("<i2")
    packed = pack_voxels(hu.tobytes(order="F"))
    pieces = [packed[at : at + piece] for at in range(0, len(packed), piece)]
    assert bytes(unpack_voxels(pieces, hu.size)) == hu.tobytes(order="F")


def test_shuffling_is_low_bytes_then_high_bytes() -> None:
    assert zlib.decompress(pack_voxels(bytes([1, 2, 3, 4, 5, 6]))) == bytes([1, 3, 5, 2, 4, 6])


def test_a_large_volume_is_packed_piecewise_and_exactly() -> None:
    hu = np.random.default_rng(3).integers(-1024, 3000, 3_000_001).astype("<i2")
    told: list[float] = []
    packed = pack_voxels(memoryview(hu), told.append)
    assert bytes(unpack_voxels([packed], hu.size)) == hu.tobytes()
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 4


def test_packing_stops_when_told() -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_voxels(bytes(10), stop)


def test_half_a_voxel_is_refused() -> None:
    with pytest.raises(ProtocolError, match="even number"):
        pack_voxels(bytes(3))


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


GOOD: dict[str, Any] = {
    "shape": [1, 2, 3],
    "affine_ras_mm": [[12, 0, 0, -90.0], [0, 12, 0, 4.0], [0, 0, 12, 7.5], [0, 0, 0, 1]],
    "grid_shape": [9, 9, 9],
    "grid_start": [3, 4, 5],
    "peak": 0.9,
    "threshold": 0.45,
    "data": packed(bytes([0, 16, 20, 40, 62, 63])),
}
NAN, INF = float("nan"), float("inf")
BAD: dict[str, tuple[str, Any]] = {
    "shape of two": ("shape", [2, 3]),
    "shape with zero": ("shape", [0, 2, 3]),
    "negative shape": ("shape", [-1, -2, 3]),
    "shape of floats": ("shape", [1.0, 2.0, 3.0]),
    "shape of booleans": ("shape", [True, 2, 3]),
    "shape of text": ("shape", "123"),
    "huge shape": ("shape", [4096, 4096, 4096]),
    "shape beyond 64 bit": ("shape", [2**70, 1, 1]),
    "another shape": ("shape", [1, 2, 4]),
    "grid smaller than the box": ("grid_shape", [1, 1, 1]),
    "box outside the grid": ("grid_start", [9, 0, 0]),
    "negative start": ("grid_start", [-1, 0, 0]),
    "peak not a number": ("peak", NAN),
    "infinite peak": ("peak", INF),
    "negative peak": ("peak", -0.1),
    "peak as text": ("peak", "0.9"),
    "no peak": ("peak", None),
    "threshold not a number": ("threshold", NAN),
    "affine with NaN": ("affine_ras_mm", [[NAN, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "singular affine": ("affine_ras_mm", [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "projective affine": ("affine_ras_mm", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]),
    "affine of three rows": ("affine_ras_mm", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
    "overflowing affine": ("affine_ras_mm", [[1e300, 0, 0, 0], [0, 1e300, 0, 0], [0, 0, 1e300, 0], [0, 0, 0, 1]]),
    "no data": ("data", None),
    "data not base64": ("data", "*" * 20),
    "data with a line end": ("data", GOOD["data"] + "\n"),
    "data not ascii": ("data", "ä" * 20),
    "data not deflated": ("data", base64.b64encode(b"x" * 20).decode()),
    "a cell too few": ("data", packed(bytes(5))),
    "a cell too many": ("data", packed(bytes(7))),
    "a level too high": ("data", packed(bytes([0, 0, 0, 0, 0, 64]))),
    "cut off": ("data", base64.b64encode(zlib.compress(bytes(6))[:-1]).decode()),
    "something behind": ("data", base64.b64encode(zlib.compress(bytes(6)) + b"x").decode()),
    "far too long": ("data", "A" * 2**20),
}


def test_the_good_record_is_good() -> None:
    assert unpack_map(GOOD).levels == bytes([0, 16, 20, 40, 62, 63])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_refused(name: str) -> None:
    field, value = BAD[name]
    with pytest.raises(ProtocolError):
        unpack_map(GOOD | {field: value})


@pytest.mark.parametrize("record", [None, [], "map", 3, {}])
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(ProtocolError):
        unpack_map(record)


@pytest.mark.parametrize("field", ["levels", "peak", "grid_start", "affine_ras_mm"])
def test_a_server_cannot_send_what_a_client_would_refuse(field: str) -> None:
    box = unpack_map(GOOD)
    wrong = {"levels": bytes(7), "peak": NAN, "grid_start": (9, 9, 9), "affine_ras_mm": ((0.0,) * 4,) * 4}
    with pytest.raises(ProtocolError):
        pack_map(HeatmapBox(**{**vars(box), field: wrong[field]}))


def peak_bytes(work: Any) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bombs_cost_no_more_than_the_declared_size() -> None:
    bomb = zlib.compress(bytes(64 * 2**20), 9)
    assert len(bomb) < 2**17
    limit = 4 * 2**20
    assert peak_bytes(lambda: inflate_exactly([bomb], 1000)) < limit
    assert peak_bytes(lambda: unpack_voxels([bomb], 10_000)) < limit
    assert peak_bytes(lambda: unpack_map(GOOD | {"data": base64.b64encode(bomb).decode()})) < limit
    side = round(MAX_BOX_CELLS ** (1 / 3))
    large = GOOD | {"shape": [side] * 3, "grid_shape": [side] * 3, "grid_start": [0, 0, 0]}
    assert peak_bytes(lambda: unpack_map(large | {"data": base64.b64encode(bomb).decode()})) < limit


def test_many_empty_pieces_and_blocks_end() -> None:
    empty = zlib.compressobj()
    blocks = [empty.compress(b"") + empty.flush(zlib.Z_FULL_FLUSH) for _ in range(1000)]
    with pytest.raises(ProtocolError, match="less than was declared"):
        inflate_exactly([b"", *blocks], 5)


VALUES = (
    None, True, 0, -1, 1, 2**31, 2**63, 2**70, 0.5, -0.5, 1e308, NAN, INF, -INF, "", "0", "A" * 100, [], [[]], {}, [1], [1, 2, 3],
    [0, 0, 0], [4096] * 3, [[1, 0, 0, 0]] * 4, {"shape": 1},
)  # fmt: skip


def mutated(rng: random.Random) -> dict[str, Any]:
    """The good record after one to three changes: a value, an element, a missing field, a damaged character or byte."""
    record = copy.deepcopy(GOOD)
    for _ in range(rng.randint(1, 3)):
        field = rng.choice(list(GOOD))
        kind = rng.randrange(5)
        value = record.get(field)
        if kind == 0:
            record[field] = rng.choice(VALUES)
        elif kind == 1:
            record.pop(field, None)
        elif kind == 2 and isinstance(value, list) and value:
            at = rng.randrange(len(value))
            inner = value[at]
            if isinstance(inner, list) and inner:
                inner[rng.randrange(len(inner))] = rng.choice(VALUES)
            else:
                value[at] = rng.choice(VALUES)
        elif kind == 3 and isinstance(value, str) and value:
            at = rng.randrange(len(value))
            record[field] = value[:at] + rng.choice("A/+=z9\n ") + value[at + 1 :]
        else:
            data = bytearray(zlib.compress(bytes(rng.randrange(70) for _ in range(6))))
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            record["data"] = base64.b64encode(bytes(data)).decode()
    return record


def fuzz(count: int) -> int:
    """Accepted records; every other one must have raised ProtocolError and nothing else."""
    accepted = 0
    for seed in range(count):
        record = mutated(random.Random(seed))
        try:
            box = unpack_map(record)
        except ProtocolError:
            continue
        accepted += 1
        assert len(box.levels) == len(box.heat()) == box.shape[0] * box.shape[1] * box.shape[2]
        assert unpack_map(json.loads(to_json(pack_map(box)))) == box
    return accepted


def test_damaged_records_raise_one_error_only() -> None:
    tracemalloc.start()
    accepted = fuzz(1_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < accepted < 750
    assert peak < 8 * 2**20


@pytest.mark.long
def test_many_damaged_records_raise_one_error_only() -> None:
    assert fuzz(200_000)


def test_damaged_uploads_raise_one_error_only() -> None:
    good = pack_voxels(np.arange(3000, dtype="<i2").tobytes())
    survived = 0
    for seed in range(2_000):
        rng = random.Random(seed)
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            change = rng.randrange(3)
            if change == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif change == 1:
                del data[at : at + rng.randint(1, 9)]
            else:
                data[at:at] = rng.randbytes(rng.randint(1, 9))
        try:
            survived += len(unpack_voxels([bytes(data)], 3000)) == 6000
        except ProtocolError:
            continue
    assert survived < 20  # the checksum of zlib finds the rest
