"""A public chest CT for Slicer's Sample Data module: registered at startup, downloaded only when a reader clicks it.

The chest CT angiography of the TotalSegmentator project (Apache-2.0) lies in its source package on PyPI, so a file of that
archive is taken: Slicer downloads the archive into its cache and checks its digest, then the one member is checked by its own.
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import slicer

from .i18n import _

CATEGORY, NAME = "ASAP", "ASAPChestCTA"
URL = "https://files.pythonhosted.org/packages/source/t/totalsegmentator/totalsegmentator-2.18.0.tar.gz"
ARCHIVE, ARCHIVE_SHA256 = "totalsegmentator-2.18.0.tar.gz", "5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03"
MEMBER = "totalsegmentator-2.18.0/tests/reference_files/aorta_report/test_result/models/ct.nii.gz"
MEMBER_SHA256 = "372d98723e3283a8d4a0ae2f0ef1e581c0ad17b673b30b2e8d3e215180cc2a12"
FILE = "asap-chest-cta.nii.gz"


def register() -> None:
    """Name the CT to Slicer's Sample Data module; nothing is downloaded."""
    import SampleData  # noqa: PLC0415 - a module of Slicer, there once the application has started

    icon = Path(__file__).parents[1] / "Resources" / "Icons" / "AsapSlicerModule.png"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=URL,
        fileNames=ARCHIVE,
        nodeNames=_("Chest CT angiography"),
        checksums=f"SHA256:{ARCHIVE_SHA256}",
        thumbnailFileName=str(icon),
        customDownloader=download,
    )


def download(source: Any) -> list[Any]:
    """What a click on the entry does: download with Slicer's own progress, check, take the member out, load it."""
    import SampleData  # noqa: PLC0415

    archive = Path(SampleData.SampleDataLogic().downloadFileIntoCache(source.uris[0], source.fileNames[0], source.checksums[0]))
    volume = take_member(archive, archive.with_name(FILE))
    return [slicer.util.loadVolume(str(volume), {"name": source.nodeNames[0]})]


def take_member(archive: Path, target: Path) -> Path:
    """The CT out of the archive, checked. ValueError where it is not the expected one."""
    if not target.is_file() or _digest(target.read_bytes()) != MEMBER_SHA256:
        try:
            with tarfile.open(archive) as tar:
                member = tar.extractfile(MEMBER)
                data = member.read() if member is not None else b""
        except (OSError, KeyError, tarfile.TarError) as error:
            raise ValueError(_("The sample CT could not be downloaded; check the network and try again.")) from error
        if _digest(data) != MEMBER_SHA256:
            raise ValueError(_("The sample CT could not be downloaded; check the network and try again."))
        target.write_bytes(data)
    return target


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
