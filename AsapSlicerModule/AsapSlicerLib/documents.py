"""The reviewed report as a folder: JSON, Markdown, text and FHIR are made here, PDF and DICOM by the server. No window."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from asap.client import Cancelled, ClientError, DrawnSegment, MaskBox
from asap.review import Review, to_json
from asap.review.documents import review_json, review_markdown
from asap.review.fhir import diagnostic_report

from .background import Work
from .cases import Plan
from .events import Event
from .i18n import _
from .logic import AsapLogic
from .report_export import reviewed_text, write_whole
from .segment_files import segments_of_sentences
from .volume_nodes import instance_uids

KEY = "documents"


def export_all(logic: AsapLogic, folder: Path, audit_sha256: str = "") -> None:
    """Write every document that can be had into a new folder inside `folder`; ends in the event "exported", or "error".

    audit_sha256: head of the journal's audit trail.
    """
    review = logic.review
    if review is None:
        return
    own = own_documents(review, audit_sha256)
    missing = not_from_server(logic)
    if missing:
        work = logic.background.start
        work(lambda _work: write_folder(folder, own), done=lambda made: told(logic, made, [missing]), failed=logic.fail, key=KEY)
        return

    without, drawn = no_dicom(logic), [] if no_dicom(logic) else drawn_segments(logic, review)
    kinds = ["pdf"] if without else ["pdf", "dicom"]

    def act(work: Work, plan: Plan, study: str) -> tuple[list[str], list[str]]:
        files, line = dict(own), to_json(review)
        reasons = [without] if without else []
        more: Any = {"audit_sha256": audit_sha256, "model": plan.model.name, "progress": work.report, "cancel": work}
        more["drawn"] = drawn
        for kind in kinds:
            try:
                files |= plan.client.documents(study, line, [kind], **more)
            except Cancelled:
                raise
            except ClientError as error:
                reasons.append(str(error))
        return write_folder(folder, files), reasons

    logic.on_case(KEY, act, lambda result: told(logic, *result), lambda: export_all(logic, folder, audit_sha256))


def drawn_segments(logic: AsapLogic, review: Review) -> list[DrawnSegment]:
    """The segments of the scene that stand for their sentences' regions."""
    made = []
    for index, one in segments_of_sentences(logic.scene, logic.volume, review).items():
        i, j, k = one.mask_ijk.shape
        box = MaskBox((0, 0, 0), (i, j, k), np.packbits(one.mask_ijk).tobytes())
        rows: Any = tuple(tuple(float(x) for x in row) for row in one.affine_ras_mm)
        made.append(DrawnSegment(index, box, rows, one.by_hand))
    return made


def not_from_server(logic: AsapLogic) -> str:
    """Why the server makes no documents of this CT; "" when it can be asked to."""
    if logic.session.client is None or logic.case is None:
        return _("No PDF and no DICOM: the server makes them; connect and encode the case first.")
    if not logic.session.can(KEY):
        return _("No PDF and no DICOM: this server does not make them.")
    return ""


def no_dicom(logic: AsapLogic) -> str:
    """Why an export will hold no DICOM; "" when the server may have the series."""
    if missing := not_from_server(logic):
        return missing
    if logic.case is None or logic.case.origin == "datastore":
        return ""
    if logic.volume is None or not instance_uids(logic.volume):
        return _("No DICOM: this CT was not loaded from DICOM.")
    return _("No DICOM: the server does not hold this series. Keep a journal, then: asap review document JOURNAL --series DIR")


def own_documents(review: Review, audit_sha256: str = "") -> dict[str, bytes]:
    """What needs the standard library only, by file name."""
    return {
        "reviewed.json": review_json(review, audit_sha256).encode(),
        "reviewed.md": review_markdown(review).encode(),
        "reviewed.txt": reviewed_text(review).encode(),
        "diagnostic-report-r4.json": diagnostic_report(review, "R4").encode(),
        "diagnostic-report-r5.json": diagnostic_report(review, "R5").encode(),
    }


def write_folder(parent: Path, files: dict[str, bytes]) -> list[str]:
    """Write files into a new folder of their own; returns their names. ValueError, with nothing left behind, when that fails."""
    part: Path | None = None
    try:
        part = Path(tempfile.mkdtemp(prefix=".asap-", dir=parent))
        for name, data in files.items():
            write_whole(part / name, data)
        part.rename(_free(parent))
    except OSError as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        raise ValueError(_("The documents could not be written there; choose another folder.")) from error
    return list(files)


def _free(parent: Path) -> Path:
    stem = time.strftime("asap-review-%Y%m%d-%H%M%S")
    names = (parent / (stem if n == 1 else f"{stem}-{n}") for n in itertools.count(1))
    return next(path for path in names if not path.exists())


def told(logic: AsapLogic, names: list[str], reasons: list[str]) -> None:
    """Tell the faces what was written and what was not."""
    dicom = sum(name.endswith(".dcm") for name in names)
    said = _("Written: {names}.").format(names=", ".join(name for name in names if not name.endswith(".dcm")))
    if dicom:
        said += " " + _("DICOM files: {count}.").format(count=dicom)
    logic.tell(Event("exported", " ".join([said, *reasons])))
