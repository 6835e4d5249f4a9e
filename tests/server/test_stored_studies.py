"""What is kept of files that callers bring: enough for the next question, nothing once the file is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the server: pip install 'asap-ct[server]'")

from asap.inference.engine import Engine
from asap.inference.feature_store import FeatureStore
from asap.inference.load import load_engine
from asap.io.nifti import write_nifti
from monailabel_app.lib.stored_studies import StoredStudies
from tests.server.front import chest


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return load_engine("asap-test", FeatureStore(tmp_path / "features"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    volume = chest()
    write_nifti(tmp_path / "ct.nii.gz", volume.hu, volume.affine)
    return tmp_path / "ct.nii.gz"


def held_in_memory(engine: Engine) -> bool:
    volume = chest().reoriented_to_ras()
    return engine.cases.find(volume, volume.identity, fine=False) is not None


def test_of_a_private_file_nothing_is_shared_and_nothing_outlives_it(engine: Engine, path: Path, tmp_path: Path) -> None:
    studies = StoredStudies(engine)
    study = studies.encoded(path, fine=False, private=True)
    assert studies.known(path, fine=False) is study  # the next question about it does not read it again
    assert not held_in_memory(engine)
    assert not [file for file in (tmp_path / "features").rglob("*") if file.is_file()]
    content, times = path.read_bytes(), path.stat()
    kept = path.with_name("kept")
    path.rename(kept)
    studies.forget_missing()
    kept.rename(path)  # the very same file again: it would be recalled if anything were kept
    assert path.read_bytes() == content
    assert path.stat().st_ino == times.st_ino
    assert studies.known(path, fine=False) is None


def test_a_file_of_the_datastore_is_kept_for_all(engine: Engine, path: Path) -> None:
    studies = StoredStudies(engine)
    study = studies.encoded(path, fine=False)
    assert held_in_memory(engine)
    studies.forget_missing()
    assert studies.known(path, fine=False) is study
