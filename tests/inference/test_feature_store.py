"""Encoded cases on disk: the same answers after a restart, private, whole or absent, and never another owner's."""

from __future__ import annotations

import errno
import multiprocessing
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from asap.errors import OutputError
from asap.inference.engine import Engine
from asap.inference.feature_file import features_to_bytes
from asap.inference.feature_store import FeatureStore
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.phantom.case import PhantomCase, generate_case
from asap.text.read import read_report
from asap.volume import Volume

REPORT = read_report("Heart. There is a nodule in the left lung. Trachea. Small right pleural effusion. The liver is enlarged.")
SETTINGS = "s" * 64


@lru_cache(maxsize=1)
def case() -> PhantomCase:
    return generate_case(3)


@lru_cache(maxsize=1)
def encoded() -> StudyFeatures:
    return load_engine("asap-test").encode(case().volume)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def found(store: FeatureStore, owner: str | None = None, settings: str = SETTINGS) -> StudyFeatures | None:
    return store.find(case().volume, encoded().identity, settings, fine=False, owner=owner)


def files(store_folder: Path) -> list[Path]:
    return sorted(path for path in store_folder.rglob("*") if path.is_file())


def other_case(number: int) -> StudyFeatures:
    return replace(encoded(), identity=f"{number:064x}")


def reopened(name: str, folder: Path) -> Iterator[Engine]:
    """An engine as after a restart, twice."""
    for _ in range(2):
        yield load_engine(name, FeatureStore(folder))


@pytest.mark.parametrize("name", ["asap-test", "asap-mini"])
def test_after_a_restart_the_answers_are_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    first, second = reopened(name, tmp_path)
    features = first.encode(case().volume)
    again = second.encode(case().volume)
    assert again.windows[0].cells_NC.dtype == features.windows[0].cells_NC.dtype
    for before, after in zip(first.ground(features, REPORT.sentences), second.ground(again, REPORT.sentences), strict=True):
        assert np.array_equal(before.heatmap, after.heatmap)
        assert np.array_equal(before.affine, after.affine)
        assert (before.peak_ras_mm, before.confidence, before.side_check) == (
            after.peak_ras_mm,
            after.confidence,
            after.side_check,
        )


def test_a_reopened_case_is_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = reopened("asap-test", tmp_path)
    first.encode(case().volume)
    monkeypatch.setattr(second.grounder, "encode_image", None)
    features = second.encode(case().volume)
    assert second.encode(case().volume) is features


def test_the_same_case_gives_the_same_file(tmp_path: Path) -> None:
    assert len({features_to_bytes(encoded(), SETTINGS) for _ in range(8)}) == 1


def test_nothing_is_readable_by_others_and_names_tell_nothing(store: FeatureStore, tmp_path: Path) -> None:
    store.add(encoded(), SETTINGS, owner="session of Miller")
    folder = tmp_path / "features"
    assert [stat.S_IMODE(p.stat().st_mode) for p in (folder, *folder.iterdir())] == [0o700, 0o700]
    assert [stat.S_IMODE(p.stat().st_mode) for p in files(folder)] == [0o600]
    assert all(set(p.stem) <= set("0123456789abcdef-") for p in folder.rglob("*"))
    assert encoded().identity[:16] not in str(files(folder))


@pytest.mark.parametrize("at", [0, 9, 200, 0.3, 0.7, 0.999])
def test_a_damaged_file_is_ignored_and_removed(at: float, store: FeatureStore, tmp_path: Path) -> None:
    store.add(encoded(), SETTINGS)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[int(at * len(data)) if isinstance(at, float) else at] ^= 1
    path.write_bytes(data)
    assert found(store) is None
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 100, (8).to_bytes(8, "little") + b"{}" * 4, b"\xff" * 5000])
def test_a_foreign_file_is_ignored_and_removed(content: bytes, store: FeatureStore, tmp_path: Path) -> None:
    store.add(encoded(), SETTINGS)
    files(tmp_path)[0].write_bytes(content)
    assert found(store) is None
    assert files(tmp_path) == []


def test_a_file_under_the_name_of_another_is_not_believed(store: FeatureStore, tmp_path: Path) -> None:
    store.add(encoded(), SETTINGS)
    (path,) = files(tmp_path)
    path.write_bytes(features_to_bytes(other_case(1), SETTINGS))
    assert found(store) is None
    path.write_bytes(features_to_bytes(encoded(), "t" * 64))
    assert found(store) is None


def test_other_weights_another_position_and_another_owner_do_not_meet_it(store: FeatureStore) -> None:
    store.add(encoded(), SETTINGS, owner="one")
    assert found(store, owner="one") is not None
    assert found(store, owner="one", settings="t" * 64) is None
    assert found(store, owner="two") is None
    assert found(store) is None
    moved = case().volume.affine.copy()
    moved[:3, 3] += 0.004  # so little that the name may be the same
    assert store.find(Volume(case().volume.hu, moved), encoded().identity, SETTINGS, fine=False, owner="one") is None


def test_forgetting_an_owner_leaves_the_others(store: FeatureStore, tmp_path: Path) -> None:
    for owner in ("one", "two", None):
        store.add(encoded(), SETTINGS, owner=owner)
    store.add(other_case(1), SETTINGS, owner="one")
    store.forget("one", encoded().identity)
    assert found(store, owner="one") is None
    assert len(files(tmp_path)) == 3
    store.forget("one")
    assert len(files(tmp_path)) == 2
    store.forget_all_owners()
    assert found(store) is not None
    assert len(files(tmp_path)) == 1


def test_the_least_recently_used_case_goes_first(tmp_path: Path) -> None:
    size = len(features_to_bytes(encoded(), SETTINGS))
    store = FeatureStore(tmp_path, max_bytes=3 * size + 100)
    for number in range(3):
        store.add(other_case(number), SETTINGS)
        for path in files(tmp_path):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    assert store.find(case().volume, other_case(0).identity, SETTINGS, fine=False) is not None
    store.add(other_case(3), SETTINGS)
    kept = [store.find(case().volume, other_case(n).identity, SETTINGS, fine=False) is not None for n in range(4)]
    assert kept == [True, False, True, True]


def test_what_a_killed_process_left_unfinished_goes_in_time(store: FeatureStore, tmp_path: Path) -> None:
    store.add(encoded(), SETTINGS)
    old, young = (files(tmp_path)[0].parent / f".asap-{name}.part" for name in ("0", "1"))
    for path in (old, young):
        path.write_bytes(b"part")
    os.utime(old, (0, 0))
    store.add(other_case(1), SETTINGS)
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_the_answer(
    call: str, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(encoded(), SETTINGS)
    before = files(tmp_path)[0].read_bytes()
    changed = replace(encoded(), weights_sha256="f" * 64)
    if call == "write":
        limited = multiprocessing.get_context("fork").Process(target=_add_with_a_file_limit, args=(store, changed))
        limited.start()
        limited.join(timeout=30)
        assert limited.exitcode == 0
    else:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, call, full)
        with pytest.raises(OutputError, match="encoded case"):
            store.add(changed, SETTINGS)
    assert [path.read_bytes() for path in files(tmp_path)] == [before]


def _add_with_a_file_limit(store: FeatureStore, features: StudyFeatures) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with pytest.raises(OutputError):
        store.add(features, SETTINGS)


def test_an_engine_answers_without_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_engine("asap-test", FeatureStore(tmp_path))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert engine.ground(engine.encode(case().volume), REPORT.sentences)
    assert files(tmp_path) == []


def _write_together(folder: Path, features: StudyFeatures, meet: Barrier) -> None:
    """Write, meeting the other process when both files are whole and neither has its name; then find what was written."""
    name_file = os.replace

    def name_together(part: Path, path: Path) -> None:
        meet.wait(60)
        name_file(part, path)

    os.replace = name_together  # type: ignore[assignment]
    store = FeatureStore(folder)
    for _ in range(8):
        store.add(features, SETTINGS)
        again = store.find(case().volume, features.identity, SETTINGS, fine=False)
        assert again is not None and np.array_equal(again.lungs.left, features.lungs.left)


def test_two_processes_write_one_case(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    arguments = (tmp_path, encoded(), context.Barrier(2))
    both = [context.Process(target=_write_together, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(timeout=120)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(files(tmp_path)) == 1
