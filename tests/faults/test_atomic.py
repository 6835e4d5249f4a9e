"""Writes meet the old file or the new one: failing calls, a full disk, a kill at every step, two writers, odd names."""

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.errors import OutputError
from asap.io import atomic
from asap.io.nifti import read_nifti, write_nifti

OLD, NEW = b"old" * 1000, b"new" * 100_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "result.bin"
    path.write_bytes(OLD)
    return path


def leftovers(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir() if entry != path]


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked process; its wait status."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except OutputError:
            os._exit(3)
        os._exit(0)
    return os.waitpid(process, 0)[1]


def test_the_new_file_replaces_the_old(target: Path) -> None:
    atomic.write_bytes(target, NEW)
    assert target.read_bytes() == NEW and leftovers(target) == []


def test_an_error_of_the_caller_keeps_the_old_file_and_passes_through(target: Path) -> None:
    with pytest.raises(KeyError), atomic.atomic_writer(target) as file:
        file.write(NEW)
        raise KeyError("the caller's")
    assert target.read_bytes() == OLD and leftovers(target) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("turn", [1, 2])
def test_a_failing_call_keeps_the_old_or_the_whole_new_file(
    call: str, turn: int, code: int, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_call, calls = getattr(os, call), []

    def failing(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == turn:
            raise OSError(code, os.strerror(code))
        return true_call(*arguments, **options)

    monkeypatch.setattr(os, call, failing)
    if call == "replace" and turn == 2:
        atomic.write_bytes(target, NEW)  # there is no second rename
        assert target.read_bytes() == NEW
        return
    with pytest.raises(OutputError, match=r"The heat map could not be written \(.+\)"):
        atomic.write_bytes(target, NEW, "heat map")
    # The second open and fsync are the folder's, after the rename: the new file is then in place and whole.
    assert target.read_bytes() == (OLD if turn == 1 else NEW)
    assert leftovers(target) == []


@pytest.mark.parametrize("limit", [0, 1, 4096, 8192, 65_536, len(NEW) - 1])
def test_a_full_disk_keeps_the_old_file(limit: int, target: Path) -> None:
    """RLIMIT_FSIZE refuses writes beyond `limit` as a full disk does."""

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        atomic.write_bytes(target, NEW)

    assert os.waitstatus_to_exitcode(in_child(write)) == 3
    assert target.read_bytes() == OLD and leftovers(target) == []


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_full_disk_while_an_image_is_written(suffix: str, tmp_path: Path) -> None:
    path, affine = tmp_path / f"heat{suffix}", np.eye(4)
    write_nifti(path, np.zeros((8, 8, 8), np.float32), affine)
    noise = np.random.default_rng(0).random((40, 40, 40), np.float32)

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        write_nifti(path, noise, affine)

    assert os.waitstatus_to_exitcode(in_child(write)) == 3
    assert read_nifti(path).shape == (8, 8, 8) and leftovers(path) == []


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_every_step_leaves_old_or_new(call: str, turn: int, moment: str, target: Path) -> None:
    def write() -> None:
        calls = []

        def killing(*arguments: Any, **options: Any) -> Any:
            calls.append(arguments)
            if len(calls) == turn and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = true_call(*arguments, **options)
            if len(calls) == turn:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        if call == "write":
            with atomic.atomic_writer(target) as file:
                true_call = file.write
                killing(NEW[: len(NEW) // 2])
                killing(NEW[len(NEW) // 2 :])
        else:
            true_call = getattr(os, call)
            setattr(os, call, killing)
            atomic.write_bytes(target, NEW)

    status = os.waitstatus_to_exitcode(in_child(write))
    assert status == (0 if (call, turn) == ("replace", 2) else -signal.SIGKILL)
    assert target.read_bytes() in (OLD, NEW)
    assert all(name.startswith(atomic.PART_PREFIX) for name in leftovers(target))


def test_a_killed_writer_of_random_moments(target: Path) -> None:
    """Real writes, real clock: 20 kills, never a part under the final name."""
    moments = np.random.default_rng(0)
    big = [bytes([n]) * 4_000_000 for n in range(20)]
    for content in big:
        process = os.fork()
        if process == 0:
            atomic.write_bytes(target, content)
            os._exit(0)
        time.sleep(float(moments.uniform(0, 0.01)))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        found = target.read_bytes()
        assert found == OLD or found in big


def test_two_writers_have_one_winner(target: Path) -> None:
    contents = [bytes([n]) * 500_000 for n in range(4)]
    processes = []
    for content in contents:
        process = os.fork()
        if process == 0:
            for _ in range(10):
                atomic.write_bytes(target, content)
            os._exit(0)
        processes.append(process)
    for _ in range(50):
        assert target.read_bytes() in (OLD, *contents)
    assert [os.waitpid(process, 0)[1] for process in processes] == [0, 0, 0, 0]
    assert target.read_bytes() in contents and leftovers(target) == []


@pytest.mark.parametrize("name", ["with spaces", "x" * 240, "胸部CT", "trailing.", "naïve é", "a\nb", "-rf"])
def test_odd_names(name: str, tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / name, NEW)
    assert (tmp_path / name).read_bytes() == NEW and leftovers(tmp_path / name) == []


def test_a_folder_that_is_not_there_is_named_plainly(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        atomic.write_bytes(tmp_path / "missing" / "a", NEW)
    assert str(tmp_path) not in str(caught.value)
