"""Weights are read only when every byte is the one the manifest vouches for (scorecard E2, F2)."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asap.errors import OutputError, WeightsError
from asap.models.manifest import MANIFEST_NAME, Manifest, sha256_of
from asap.models.weights import check_header, read_weights, write_weights

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.bfloat16), "c": torch.zeros(())}


def write(folder: Path, tensors: dict[str, torch.Tensor] = TENSORS, **more: Any) -> Manifest:
    return write_weights(
        folder, tensors, name="x", architecture="asap", config={"projection": 8}, source="a test", licence="none", **more
    )


def weights_file(folder: Path) -> Path:
    return next(folder.glob("weights-*.safetensors"))


def vouch_for(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """Let the manifest agree with whatever the weights file holds now, then change it further."""
    path = weights_file(folder)
    data = json.loads((folder / MANIFEST_NAME).read_text())
    data["files"]["weights"] |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    change(data)
    (folder / MANIFEST_NAME).write_text(json.dumps(data))


def with_header(path: Path, edit: Callable[[dict[str, Any]], None], tail: bytes = b"") -> None:
    """Rewrite a safetensors file with an edited header."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :] + tail)


def test_round_trip(tmp_path: Path) -> None:
    manifest = write(tmp_path, tokenizer_json="{}", training={"t": torch.ones(2)}, calibration={"slope": 1.5})
    stored = read_weights(tmp_path)
    assert stored.manifest == manifest and stored.tokenizer_json == "{}" and stored.manifest.calibration == {"slope": 1.5}
    assert stored.tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert stored.tensors[name].dtype == value.dtype and torch.equal(stored.tensors[name], value)
    assert manifest.weights_sha256 == sha256_of(weights_file(tmp_path))


def test_100_flipped_bytes_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    path = weights_file(tmp_path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for place, bit in zip(rng.choice(len(good), 100, replace=False), rng.integers(0, 8, 100), strict=True):
        bad = bytearray(good)
        bad[place] ^= 1 << bit
        path.write_bytes(bytes(bad))
        with pytest.raises(WeightsError):
            read_weights(tmp_path)
    path.write_bytes(good)
    read_weights(tmp_path)


def swap(header: dict[str, Any]) -> None:
    header["a"], header["b"] = header["b"], header["a"]


def edit_entry(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(values)


@pytest.mark.parametrize(
    "edit",
    [
        swap,
        lambda header: header.update(extra={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}),
        lambda header: header.pop("c"),
        edit_entry("b", dtype="F16"),
        edit_entry("a", dtype="F64"),
        edit_entry("a", shape=[4, 3]),
        edit_entry("a", shape=[2**40]),
        edit_entry("b", data_offsets=[0, 10]),
        edit_entry("b", data_offsets=[-10, 0]),
        edit_entry("b", data_offsets=[0]),
        edit_entry("b", data_offsets=None),
        lambda header: header.update(a=7),
    ],
)
def test_structures_the_manifest_does_not_describe_are_refused(tmp_path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    write(tmp_path)
    with_header(weights_file(tmp_path), edit)
    vouch_for(tmp_path)  # the digest is right: the structure alone must be refused
    with pytest.raises(WeightsError):
        read_weights(tmp_path)


def test_trailing_bytes_and_huge_headers_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    path = weights_file(tmp_path)
    good = path.read_bytes()
    with_header(path, lambda _: None, tail=b"hidden")
    vouch_for(tmp_path)
    with pytest.raises(WeightsError):
        read_weights(tmp_path)
    for length in (0, 1, len(good), 2**31, 2**63, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + good[8:])
        vouch_for(tmp_path)
        with pytest.raises(WeightsError):
            read_weights(tmp_path)
    for content in (b"", b"\x02\0\0", b"\x04\0\0\0\0\0\0\0[[[[", b"\x02\0\0\0\0\0\0\0[]"):
        path.write_bytes(content)
        with pytest.raises(WeightsError):
            check_header(path, {})


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(_target_="os.system"),
        lambda data: data.update(format=2),
        lambda data: data.update(architecture="os.system"),
        lambda data: data["files"]["weights"].update(name="../../etc/passwd"),
        lambda data: data["files"]["weights"].update(name="/etc/passwd"),
        lambda data: data["files"]["weights"].update(sha256="0" * 63),
        lambda data: data["files"]["weights"].update(bytes=-1),
        lambda data: data["files"].update(code={"name": "x.json", "bytes": 1, "sha256": "0" * 64}),
        lambda data: data["files"].pop("weights"),
        lambda data: data["tensors"]["a"].update(dtype="I64"),
        lambda data: data["tensors"]["a"].update(shape=[-3, 4]),
        lambda data: data.update(calibration="high"),
        lambda data: data.pop("licence"),
    ],
)
def test_malformed_manifests_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    write(tmp_path)
    vouch_for(tmp_path)
    read_weights(tmp_path)
    vouch_for(tmp_path, change)
    with pytest.raises(WeightsError):
        read_weights(tmp_path)


def test_missing_files_are_refused_without_naming_paths(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as refusal:
        read_weights(tmp_path / "nowhere")
    assert str(tmp_path) not in str(refusal.value)
    write(tmp_path)
    weights_file(tmp_path).unlink()
    with pytest.raises(WeightsError):
        read_weights(tmp_path)
    (tmp_path / MANIFEST_NAME).write_text("[" * 100_000)
    with pytest.raises(WeightsError):
        read_weights(tmp_path)


def test_replacing_weights_leaves_only_the_new_ones(tmp_path: Path) -> None:
    write(tmp_path, training={"t": torch.ones(2)})
    write(tmp_path, {"a": torch.ones(2)})
    assert read_weights(tmp_path).tensors.keys() == {"a"}
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["manifest.json", "weights"]


class PowerCut(BaseException):
    """The machine stops here."""


@pytest.mark.parametrize("stop_at", range(8))
def test_a_cut_during_the_save_leaves_the_old_or_the_new_weights(
    tmp_path: Path, stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a": torch.zeros(4)}, tokenizer_json="{}")
    calls = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > stop_at:
                raise PowerCut
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(os, "replace", counted(os.replace))
        with pytest.raises(PowerCut):
            write(tmp_path, {"a": torch.ones(4)}, tokenizer_json="{ }")
    value = read_weights(tmp_path).tensors["a"]
    assert torch.equal(value, torch.zeros(4)) or torch.equal(value, torch.ones(4))


@pytest.mark.parametrize("room_for", range(4))
def test_a_refusing_disk_keeps_the_old_weights(tmp_path: Path, room_for: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, tokenizer_json="{}")
    before = sorted(path.name for path in tmp_path.iterdir())
    real, written = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal written
        written += 1
        if written > 2 * room_for:  # a file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        write(tmp_path, {"a": torch.ones(7)}, tokenizer_json="{ }", training={"t": torch.ones(3)})
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    read_weights(tmp_path)
