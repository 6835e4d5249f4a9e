"""The page's segments as a DICOM SEG of the series the CT was opened from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from AsapSlicerLib.segment_files import segments_file

from asap.errors import AsapError
from asap.io.dicom_seg import write_dicom_seg
from asap.io.seg_nrrd import read_seg_nrrd

if TYPE_CHECKING:
    from .workbench import WorkBench

KEY = "dicom seg"
FAILED = "The DICOM segmentation could not be written; try again."


class SegmentExport:
    """What the page asks for. On the scene's thread."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench

    def begin(self, done: Callable[[bytes], None]) -> None:
        """Make the file in the background; done: called once, with b"" when there is nothing or it failed."""
        bench, series = self._bench, self._bench.exporting.series
        try:
            if series is None:
                raise ValueError("This CT was not opened as a folder with a DICOM series; save .seg.nrrd instead.")
            held = segments_file(bench.logic.scene, bench.logic.volume)
        except ValueError as error:
            bench.fail_for_good(str(error))
            done(b"")
            return

        def made(data: bytes) -> None:
            bench.say("Written as DICOM SEG.")
            done(data)

        def failed(error: Exception) -> None:
            bench.fail_for_good(str(error) if isinstance(error, AsapError) else FAILED)
            done(b"")

        bench.logic.background.start(lambda _work: dicom_seg(held, series), done=made, failed=failed, key=KEY)


def dicom_seg(seg_nrrd: bytes, series: Path) -> bytes:
    """The segments of a .seg.nrrd as DICOM SEG, overlapping ones whole. Raises AsapError."""
    with tempfile.TemporaryDirectory(prefix="asap-view-") as folder:
        source, target = Path(folder) / "segments.seg.nrrd", Path(folder) / "segments.dcm"
        source.write_bytes(seg_nrrd)
        write_dicom_seg(target, read_seg_nrrd(source), series)
        return target.read_bytes()
