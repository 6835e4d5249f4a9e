"""The reviewed report as one zip: JSON, Markdown, PDF, FHIR, and SR, SEG and parametric maps for a DICOM series."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from AsapSlicerLib.documents import KEY
from AsapSlicerLib.segment_files import segments_of_sentences

from asap.client import Progress
from asap.commands.review_documents import dicom_of, documents_of
from asap.errors import AsapError
from asap.io.dicom_sr import Drawn
from asap.io.read import read_volume
from asap.review import Review

from .task import Task

if TYPE_CHECKING:
    from AsapSlicerLib.background import Work

    from .workbench import WorkBench

NAME = "asap-review.zip"
NO_SERIES = "No DICOM among them: this CT was not opened as a folder with a DICOM series."
WRITTEN = "Exported: JSON, Markdown, PDF and FHIR{dicom}."


class ExportDesk:
    """What the page asks for. On the scene's thread."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench
        self.series: Path | None = None
        self._waiting: Callable[[bytes], None] | None = None

    @property
    def note(self) -> str:
        """Why an export holds no DICOM, or ""."""
        return "" if self.series is not None else NO_SERIES

    def begin(self, done: Callable[[bytes], None]) -> None:
        """Make the zip in the background; done: called once, with b"" when there is nothing, it failed or was stopped."""
        bench, review, series = self._bench, self._bench.logic.review, self.series
        self.give_up()
        if review is None:
            done(b"")
            return
        self._waiting = done
        bench.problem, bench.task = "", Task(True, "Writing the documents", 0.0)
        audit = bench.reviewing.audit_sha256
        scene, volume = bench.logic.scene, bench.logic.volume
        segments = {} if series is None or volume is None else segments_of_sentences(scene, volume, review)
        drawn = {index: Drawn(one.mask_ijk, one.affine_ras_mm, one.by_hand) for index, one in segments.items()}

        def made(result: tuple[bytes, str]) -> None:
            data, note = result
            bench.say(WRITTEN.format(dicom="" if note else ", DICOM SR, SEG and parametric maps") + (f" {note}" if note else ""))
            self._deliver(data)

        def failed(error: Exception) -> None:
            bench.fail_for_good(str(error) if isinstance(error, AsapError) else "The documents could not be written; try again.")
            self._deliver(b"")

        bench.logic.background.start(
            lambda work: packed(work, review, series, audit, drawn),
            done=made,
            failed=failed,
            progressed=self._progressed,
            key=KEY,
        )

    def give_up(self) -> None:
        """Nobody waits for the zip any more."""
        self._bench.logic.background.cancel(KEY)
        self._deliver(b"")

    def _progressed(self, progress: Progress) -> None:
        self._bench.task = Task(True, progress.stage, progress.share)

    def _deliver(self, data: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(data)


def packed(work: Work, review: Review, series: Path | None, audit_sha256: str, drawn: Mapping[int, Drawn]) -> tuple[bytes, str]:
    """(the zip, why it holds no DICOM or ""). Where DICOM cannot be made the other documents are still worth having.

    drawn: segments that stand for their sentences' regions, by index.
    """
    work.report(Progress("Writing the documents", 0.0))
    files, note = documents_of(review, audit_sha256), NO_SERIES
    if series is not None and not work.is_set():
        work.report(Progress("Writing DICOM", 0.3))
        try:
            made = dicom_of(review, series, read_volume(series), drawn)
            files |= {f"dicom/{name}": data for name, data in made.items()}
            note = ""
        except AsapError as error:
            note = f"No DICOM among them: {error}"
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue(), note
