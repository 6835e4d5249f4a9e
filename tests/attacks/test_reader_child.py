"""A7: whatever the reader child does, the parent gets an InputError in bounded time and goes on reading."""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asap import limits
from asap.errors import InputError
from asap.io.nifti import write_nifti
from asap.io.sandbox import Sandbox
from tests.attacks import hostile_worker

ENDS = ["spin", "sleep", "grow", "die", "crash", "exit", *hostile_worker.HEADS]
STAYS = ["allocate", "fill-disk", "open-files", "raise", "long-sentence"]


@pytest.fixture(autouse=True)
def short_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second of processor time and two of waiting, so that the tests are quick; the mechanism is the real one."""
    monkeypatch.setattr(limits, "READER_CPU_S", 1)
    monkeypatch.setattr(limits, "READER_WALL_PER_CPU", 2)
    monkeypatch.setattr(limits, "READER_START_S", 5)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Sandbox]:
    box = Sandbox("tests.attacks.hostile_worker")
    yield box
    box.close()


def ask(box: Sandbox, tmp_path: Path, word: str) -> None:
    (tmp_path / "job").write_text(word)
    box.parse(tmp_path / "job")


@pytest.mark.slow
@pytest.mark.parametrize("word", ENDS + STAYS)
def test_a_taken_over_child_costs_one_job(word: str, tmp_path: Path, hostile: Sandbox) -> None:
    started = time.perf_counter()
    disk = tmp_path / "disk"
    with pytest.raises(InputError) as caught:
        ask(hostile, tmp_path, f"{word} {disk}")
    assert time.perf_counter() - started < 10
    assert "Doe" not in str(caught.value) and len(str(caught.value)) < 500
    assert not disk.exists() or disk.stat().st_size <= limits.READER_FILE_BYTES
    ask(hostile, tmp_path, "good")  # the next job is answered


@pytest.mark.parametrize("word", ["read-outside", "list-outside", "write-outside", "remove", "connect", "spawn", "fork"])
def test_python_in_the_child_may_only_read_the_job(word: str, tmp_path: Path, hostile: Sandbox) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"Doe^Jane")
    with pytest.raises(InputError, match="damaged and cannot be read"):
        ask(hostile, tmp_path, f"{word} {secret}")
    assert secret.read_bytes() == b"Doe^Jane"


@pytest.mark.slow
def test_a_child_that_stops_answering_is_replaced(tmp_path: Path) -> None:
    """The kept child may lie in wait for the next job, whose file is innocent."""
    box = Sandbox("tests.attacks.hostile_worker")
    ask(box, tmp_path, "mute")
    started = time.perf_counter()
    ask(box, tmp_path, "good")
    assert time.perf_counter() - started < 10
    box.close()


def test_nothing_the_child_prints_reaches_the_terminal(
    tmp_path: Path, hostile: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(hostile, tmp_path, "print")
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_20_kills_at_random_moments(tmp_path: Path) -> None:
    """A larger file is read while the child is killed; each time the answer is right or an InputError, and then right."""
    hu = np.random.default_rng(0).integers(-1024, 1000, (512, 512, 60)).astype(np.int16)
    write_nifti(tmp_path / "a.nii.gz", hu, np.eye(4))
    box, moments, outcomes = Sandbox(), random.Random(0), []
    for _ in range(20):
        assert np.array_equal(box.parse(tmp_path / "a.nii.gz").hu, hu)
        child = box.child_id
        assert child is not None
        killer = threading.Timer(moments.uniform(0, 0.2), os.kill, (child, signal.SIGKILL))
        killer.start()
        try:
            outcomes.append(np.array_equal(box.parse(tmp_path / "a.nii.gz").hu, hu))
        except InputError:
            outcomes.append("refused")
        killer.join()
    assert set(outcomes) <= {True, "refused"} and "refused" in outcomes
    assert np.array_equal(box.parse(tmp_path / "a.nii.gz").hu, hu)
    box.close()


def test_the_child_is_limited_and_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASAP_TOKEN", "secret")
    write_nifti(tmp_path / "a.nii", np.zeros((4, 4, 4), np.int16), np.eye(4))
    box = Sandbox()
    box.parse(tmp_path / "a.nii")
    child = box.child_id
    assert child is not None
    address_space, _ = resource.prlimit(child, resource.RLIMIT_AS)
    cpu_s, _ = resource.prlimit(child, resource.RLIMIT_CPU)
    assert limits.READER_MEMORY_BYTES < address_space < limits.READER_MEMORY_BYTES + 2**30
    assert 1 <= cpu_s <= 10
    assert resource.prlimit(child, resource.RLIMIT_FSIZE)[0] == limits.READER_FILE_BYTES
    assert resource.prlimit(child, resource.RLIMIT_CORE)[0] == 0
    assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()
    box.close()
    assert not Path(f"/proc/{child}").exists()


def test_the_child_is_replaced_after_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READER_JOBS_BEFORE_RECYCLING", 3)
    write_nifti(tmp_path / "a.nii", np.zeros((4, 4, 4), np.int16), np.eye(4))
    box, children = Sandbox(), []
    for _ in range(6):
        box.parse(tmp_path / "a.nii")
        children.append(box.child_id)
    assert children[0] == children[1] and children[2] is None
    assert children[3] == children[4] != children[0]


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", np.zeros((4, 4, 4), np.int16), np.eye(4))
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        box = Sandbox()
        box.parse(tmp_path / "a.nii")
        os.write(writing, str(box.child_id).encode())
        os._exit(0)  # no clean-up at all
    os.waitpid(process, 0)
    child = Path("/proc") / os.read(reading, 32).decode()
    for _ in range(50):
        if not child.exists() or "Z" in (child / "stat").read_text().split(")")[1]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the reader child outlived its parent")


def test_a_forked_process_gets_its_own_child(tmp_path: Path) -> None:
    from asap.io.read import read_volume

    write_nifti(tmp_path / "a.nii", np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.eye(4))
    first = read_volume(tmp_path / "a.nii")
    process = os.fork()
    if process == 0:
        same = np.array_equal(read_volume(tmp_path / "a.nii").hu, first.hu)
        os._exit(0 if same else 1)
    assert os.waitpid(process, 0)[1] == 0
    assert np.array_equal(read_volume(tmp_path / "a.nii").hu, first.hu)
