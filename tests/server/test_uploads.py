"""Uploads: in any order, again after a break, whole or not at all, and never more than was declared."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import InputError
from asap.volume import Volume
from monailabel_app.server.service_errors import ServiceError
from monailabel_app.server.studies import Upload
from monailabel_app.server.uploads import UploadSpec, read_volume
from tests.server.front import Caller, Front, chest, declaration, encoded, running


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with running(tmp_path) as front:
        yield front


@pytest.fixture
def caller(front: Front) -> Caller:
    return front.caller()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def spec_of(volume: Volume, data: bytes, encoding: str = "shuffle-zlib", **changed: Any) -> UploadSpec:
    rows = tuple(tuple(float(x) for x in row) for row in volume.affine)
    made = UploadSpec(volume.shape, rows, encoding, len(data), hashlib.sha256(data).hexdigest(), 1000)  # type: ignore[arg-type]
    return replace(made, **changed)


@pytest.mark.parametrize("encoding", ["raw", "shuffle-zlib"])
def test_what_arrives_is_what_was_sent(tmp_path: Path, encoding: str) -> None:
    rng = np.random.default_rng(5)
    affine = np.array([[0, -2.0, 0, 7], [1.5, 0, 0, -3], [0, 0, 3.0, 11], [0, 0, 0, 1]])
    volume = Volume(rng.integers(-32768, 32767, (9, 7, 5), dtype=np.int16), affine)
    data = encoded(volume, encoding)
    upload = Upload(spec_of(volume, data, encoding, part_bytes=100), tmp_path)
    for number in range(upload.spec.parts):
        upload.put(number, bytearray(data[100 * number : 100 * number + 100]))
    assert upload.complete
    back = upload.volume()
    assert np.array_equal(back.hu, volume.hu)
    assert np.array_equal(back.affine, volume.affine)


def test_parts_come_in_any_order_and_more_than_once(caller: Caller) -> None:
    data = encoded(chest())
    size = len(data) // 7
    answer = caller.declare(declaration(chest(), data, part_bytes=size)).json()
    order = random.Random(3).sample(answer["missing"], answer["parts"])
    for number in order[:-1]:
        part = data[number * size : (number + 1) * size]
        first = caller.put(answer["study"], number, part)
        assert caller.put(answer["study"], number, part).json() == first.json()
    assert caller("GET", f"/studies/{answer['study']}").json()["missing"] == [order[-1]]
    last = caller.put(answer["study"], order[-1], data[order[-1] * size : (order[-1] + 1) * size])
    assert last.json() == {"missing": []}
    assert caller("GET", f"/studies/{answer['study']}").json()["state"] == "ready"


def test_a_broken_upload_goes_on_where_it_stopped(caller: Caller) -> None:
    data = encoded(chest())
    upload = declaration(chest(), data, part_bytes=len(data) // 3)
    study = caller.declare(upload).json()["study"]
    caller.put(study, 1, data[len(data) // 3 : 2 * (len(data) // 3)])
    again = caller.declare(upload)
    assert (again.status_code, again.json()["study"]) == (200, study)
    assert 1 not in again.json()["missing"]
    assert 0 in again.json()["missing"]


def test_a_damaged_upload_is_refused_and_may_be_sent_again(caller: Caller) -> None:
    data = encoded(chest())
    study = caller.declare(declaration(chest(), data, part_bytes=len(data))).json()["study"]
    assert code(caller.put(study, 0, data[:-1] + bytes([data[-1] ^ 1]))) == (422, "damaged_upload")
    assert caller("GET", f"/studies/{study}").json()["missing"] == [0]
    assert code(caller.ask(study)) == (409, "conflict")
    assert caller.put(study, 0, data).json() == {"missing": []}


def test_a_part_of_another_length_changes_nothing(caller: Caller) -> None:
    data = encoded(chest())
    study = caller.declare(declaration(chest(), data, part_bytes=5000)).json()["study"]
    for wrong in (b"", data[:4999], data[:5001]):
        assert code(caller.put(study, 0, wrong)) == (422, "unprocessable")
    assert code(caller.put(study, 0, bytes(9 * 2**20))) == (413, "too_large")
    assert code(caller.put(study, 4000, data[:5000])) == (404, "not_found")
    assert 0 in caller("GET", f"/studies/{study}").json()["missing"]


def test_a_body_in_chunks_is_refused(caller: Caller) -> None:
    data = encoded(chest())
    study = caller.declare(declaration(chest(), data, part_bytes=len(data))).json()["study"]
    answer = caller("PUT", f"/studies/{study}/parts/0", content=iter([data]))
    assert code(answer) == (411, "length_required")


BAD_GEOMETRY: list[dict[str, Any]] = [
    {"affine_ras_mm": [[0.0] * 4] * 3 + [[0.0, 0.0, 0.0, 1.0]]},
    {"affine_ras_mm": [[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]},
    {"affine_ras_mm": [[50.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]},
    {"affine_ras_mm": [[1.0, 0.0, 0.0, 1e9], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]},
    {"affine_ras_mm": [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 2.0]]},
    {"shape": [2000, 2000, 2]},
    {"shape": [1, 1, 1]},  # cannot need so many bytes
    {"encoding": "raw"},  # is not of the shape's size
]


@pytest.mark.parametrize("wrong", BAD_GEOMETRY)
def test_what_could_never_be_a_volume_is_refused_before_its_first_byte(
    front: Front, caller: Caller, wrong: dict[str, Any]
) -> None:
    answer = caller.declare(declaration(chest(), encoded(chest())) | wrong)
    assert code(answer) == (422, "bad_volume")
    assert front.files() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": [0, 4, 4]},
        {"shape": [4, 4]},
        {"shape": [4.5, 4, 4]},
        {"affine_ras_mm": [[1.0]]},
        {"sha256": "A" * 64},
        {"bytes": 0},
        {"bytes": "12"},
        {"encoding": "gzip"},
        {"path": "/etc/passwd"},
        {"part_bytes": 0},
    ],
)
def test_a_declaration_must_fit_the_protocol(caller: Caller, wrong: dict[str, Any]) -> None:
    assert code(caller.declare(declaration(chest(), b"123") | wrong)) == (422, "unprocessable")


def test_more_than_the_limits_is_refused(tmp_path: Path) -> None:
    data = encoded(chest())
    with running(tmp_path, upload_bytes=len(data), session_upload_bytes=len(data) + 10, part_bytes=2**20) as front:
        caller = front.caller()
        assert code(caller.declare(declaration(chest(), data) | {"bytes": len(data) + 1})) == (413, "too_large")
        assert code(caller.declare(declaration(chest(), data, part_bytes=2**20 + 1))) == (413, "too_large")
        assert caller.declare(declaration(chest(), data)).status_code == 201
        assert code(caller.declare(declaration(chest(), data, part_bytes=2**19))) == (413, "too_large")


def test_a_full_disk_is_said_at_once_and_nothing_is_kept(front: Front, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int, _offset: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    answer = caller.declare(declaration(chest(), encoded(chest())))
    assert code(answer) == (507, "insufficient_storage")
    assert front.files() == []
    monkeypatch.undo()
    caller.upload()


def hostile() -> dict[str, bytes]:
    data = encoded(chest())
    plain = zlib.decompress(data)
    return {
        "a bomb": zlib.compress(bytes(50 * 2**20)),
        "one byte more": zlib.compress(plain + b"\0", 1),
        "one byte less": zlib.compress(plain[:-1], 1),
        "cut off": data[:-10],
        "something behind": data + b"more",
        "no zlib": b"\x00" * len(data),
    }


@pytest.mark.parametrize("kind", ["a bomb", "one byte more", "one byte less", "cut off", "something behind", "no zlib"])
def test_voxels_that_are_not_what_was_declared_are_refused(tmp_path: Path, kind: str) -> None:
    data = hostile()[kind]
    path = tmp_path / "x.voxels"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not what was declared"):
        read_volume(path, spec_of(chest(), data))


def test_a_case_that_is_not_a_volume_fails_its_job_and_not_the_server(caller: Caller) -> None:
    data = hostile()["a bomb"]
    study = caller.declare(declaration(chest(), data, part_bytes=len(data))).json()["study"]
    assert caller.put(study, 0, data).status_code == 200
    job = caller.ask(study).json()["job"]
    assert caller.wait(job, "failed")["error"]["code"] == "bad_volume"
    assert code(caller("GET", f"/jobs/{job}/result")) == (422, "bad_volume")
    caller.encode(caller.upload())


def test_a_closed_study_takes_no_part(tmp_path: Path) -> None:
    data = encoded(chest())
    upload = Upload(spec_of(chest(), data, part_bytes=len(data)), tmp_path)
    upload.release()
    with pytest.raises(ServiceError) as caught:
        upload.put(0, bytearray(data))
    assert caught.value.status == 404
    assert list(tmp_path.iterdir()) == []
