"""The Sample Data entry, from the click to the loaded CT: a real download over HTTP, digests checked, a bad one refused."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import threading
import types
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import slicer
import slicer.util
from AsapSlicerLib import sample_data

from tests.reference import reference_data
from tests.slicer.scene import SlicerScene

pytestmark = pytest.mark.slow
ARCHIVE = os.environ.get("ASAP_SAMPLE_ARCHIVE", "")  # the archive as it lies on PyPI, where a person has it at hand


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and where it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}/{sample_data.ARCHIVE}"
        server.shutdown()


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Slicer's Sample Data module as far as ours uses it; what was registered with it."""
    registered: list[dict[str, Any]] = []
    cache = tmp_path / "cache"
    cache.mkdir()

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(**entry: Any) -> None:
            registered.append(entry)

        def downloadFileIntoCache(self, uri: str, name: str, checksum: str) -> str:
            path = cache / name
            with urllib.request.urlopen(uri) as answer:
                path.write_bytes(answer.read())
            algorithm, _, digest = checksum.partition(":")
            assert algorithm == "SHA256"
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                raise ValueError("The checksum differs.")
            return str(path)

    module = types.ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "SampleData", module)
    return registered


def archive(folder: Path, ct: bytes) -> str:
    """The package with this CT in it; its digest."""
    path = folder / sample_data.ARCHIVE
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        member = tarfile.TarInfo(sample_data.MEMBER)
        member.size = len(ct)
        tar.addfile(member, io.BytesIO(ct))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def loader(stage: SlicerScene) -> Any:
    """slicer.util.loadVolume over slicer-core's own reader."""

    def load(path: str, properties: dict[str, str]) -> Any:
        node = stage.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", properties["name"])
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(path)
        assert storage.ReadData(node)
        return node

    return load


def clicked(entry: dict[str, Any]) -> list[Any]:
    """What Slicer does when the reader clicks the entry."""
    source = SimpleNamespace(
        uris=[entry["uris"]], fileNames=[entry["fileNames"]], nodeNames=[entry["nodeNames"]], checksums=[entry["checksums"]]
    )
    return list(entry["customDownloader"](source))


def test_a_click_downloads_checks_and_loads_the_ct(
    served: tuple[Path, str], entries: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = served
    if ARCHIVE:
        (folder / sample_data.ARCHIVE).write_bytes(Path(ARCHIVE).read_bytes())
    else:
        ct = reference_data("ct/totalseg_cta/ct.nii.gz").read_bytes()
        monkeypatch.setattr(sample_data, "ARCHIVE_SHA256", archive(folder, ct))
    monkeypatch.setattr(sample_data, "URL", url)
    stage = SlicerScene()
    monkeypatch.setattr(slicer.util, "loadVolume", loader(stage), raising=False)
    sample_data.register()
    assert [(entry["category"], entry["sampleName"]) for entry in entries] == [("ASAP", "ASAPChestCTA")]
    assert Path(entries[0]["thumbnailFileName"]).is_file()
    (node,) = clicked(entries[0])
    assert node.GetName() == "Chest CT angiography"
    assert node.GetImageData().GetDimensions() == (233, 167, 191)
    (again,) = clicked(entries[0])
    assert again.GetImageData().GetDimensions() == (233, 167, 191)
    stage.close()


def test_another_ct_than_the_expected_is_not_loaded(
    served: tuple[Path, str], entries: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = served
    monkeypatch.setattr(sample_data, "ARCHIVE_SHA256", archive(folder, b"something else"))
    monkeypatch.setattr(sample_data, "URL", url)
    monkeypatch.setattr(slicer.util, "loadVolume", lambda *_args: pytest.fail("it was loaded"), raising=False)
    sample_data.register()
    with pytest.raises(ValueError, match="check the network and try again"):
        clicked(entries[0])
