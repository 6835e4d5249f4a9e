"""`AsapClient`: everything a viewer asks of an ASAP server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from . import checks, labelling
from .address import Address
from .connection import Request
from .documents import DrawnSegment, document_files, drawn_record
from .errors import ClientError, NotAsapServer, NotFound, SessionGone
from .findings import ClassifyAnswer, DraftAnswer, QuestionAnswer, classify_answer, draft_answer, question_answer
from .jobs import WAIT_S, run_job
from .protocol import (
    PREFIX,
    CancelFlag,
    DatastoreImage,
    EncodeAnswer,
    GroundAnswer,
    ProgressCall,
    ServerInfo,
    StudyState,
    Timeouts,
    datastore_images,
    encode_answer,
    ground_answer,
    study_state,
)
from .segments import SegmentPrompt, SegmentsAnswer, prompt_record, segments_answer
from .session import Session
from .transport import Transport
from .upload import upload_study
from .wire import MaskBox, pack_mask, to_json

LISTING_BYTES = 2**26
DEFAULT_TIMEOUTS = Timeouts()


class AsapClient:
    """One server, one session. Methods may be called from several threads; each thread keeps its own connection.

    Every method raises ClientError, whose text names the cause and the next step. Nothing is repeated that must not be done
    twice, and a session the server gave up is not replaced unseen: SessionGone means that the case must be opened again.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        session_liveness_s: int = 60,
        ca_file: str | None = None,
    ) -> None:
        """Nothing is sent yet.

        url: such as "http://127.0.0.1:8000"; without a scheme it is taken as http://. token: sent to this origin only. ca_file:
        certificates (PEM) to trust instead of the system's, for a hospital's own authority. session_liveness_s: 5 to 600, how
        long the server keeps the cases of a client that has gone silent. Raises BadAddress, CertificateRefused.
        """
        self._transport = Transport(url, token, timeouts, ca_file)
        self._session = Session(self._transport, session_liveness_s)

    @property
    def address(self) -> Address:
        """Where requests go; `address.tls` and `address.is_loopback` tell whether others on the network could read them."""
        return self._transport.address

    def health(self) -> bool:
        """Whether an ASAP server answers at all; never raises a ClientError."""
        try:
            _, value = self._transport.json(Request("GET", f"{PREFIX}/health"))
        except ClientError:
            return False
        return isinstance(value, dict) and value.get("status") == "ok"

    def info(self) -> ServerInfo:
        """Version, models, limits. Raises VersionMismatch, NotAsapServer, Unauthorised, ServerUnreachable."""
        return self._session.info()

    def datastore_images(self) -> list[DatastoreImage]:
        """Images the server holds already."""
        return datastore_images(self._transport.json(Request("GET", "/datastore/?output=all", limit=LISTING_BYTES))[1])

    def open_study(
        self,
        voxels: bytes | memoryview,
        shape: Sequence[int],
        affine_ras_mm: Sequence[Sequence[float]],
        *,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> str:
        """Upload int16 little endian HU (i fastest) of `shape`; returns the id of the case. A broken upload is resumed.

        affine_ras_mm: voxel index -> RAS+ mm, 4 x 4. The same voxels with the same geometry are the same case in a session.
        """
        headers, info = self._session.ensure(cancel)
        with self._forgetting(headers):
            return upload_study(
                self._transport,
                headers,
                info.limits,
                voxels,
                shape=shape,
                affine_ras_mm=affine_ras_mm,
                progress=progress,
                cancel=cancel,
            )

    def open_datastore_study(self, datastore_id: str) -> str:
        """Open an image the server holds; returns the id of the case. Raises NotFound when it does not hold it."""
        headers, _ = self._session.ensure(None)
        with self._forgetting(headers):
            body = to_json({"datastore_id": datastore_id})
            request = Request("POST", f"{PREFIX}/studies", body, {"Content-Type": "application/json", **headers})
            return study_state(self._transport.json(request)[1]).study

    def study(self, study: str) -> StudyState:
        """State of a case."""
        headers = self._session.headers()
        with self._forgetting(headers):
            return study_state(self._transport.json(Request("GET", _study_path(study), b"", headers))[1])

    def close_study(self, study: str) -> None:
        """Free a case on the server; one that is gone already is no error."""
        try:
            headers = self._session.headers()
            with self._forgetting(headers):
                self._transport.ask(Request("DELETE", _study_path(study), b"", headers))
        except (NotFound, SessionGone):
            return

    def encode(
        self,
        study: str,
        *,
        model: str | None = None,
        fine: bool = False,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> EncodeAnswer:
        """Encode a case so that sentences are answered at once. Raises JobFailed ("not_chest", "out_of_memory"), Cancelled."""
        question = {"task": "encode", "model": model, "fine": fine}
        return encode_answer(self._run(study, question, progress, cancel))

    def ground(
        self,
        study: str,
        *,
        sentences: Sequence[str] | None = None,
        report: str | None = None,
        model: str | None = None,
        fine: bool = False,
        supersede: bool = True,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> GroundAnswer:
        """Where each sentence, or each sentence of a report, is true. Encodes the case first when that was not done.

        supersede: earlier questions about this case that are not answered yet are given up (their callers get Cancelled).
        """
        if (sentences is None) == (report is None):
            raise ValueError("give either sentences or report")
        asked: dict[str, Any] = {"report": report} if sentences is None else {"sentences": list(sentences)}
        question = {"task": "ground", "model": model, "fine": fine, "supersede": supersede, "wait_s": WAIT_S, **asked}
        return ground_answer(self._run(study, question, progress, cancel))

    def segment(
        self,
        study: str,
        *,
        targets: Sequence[str] = (),
        prompt: SegmentPrompt | None = None,
        base: str | None = None,
        previous: MaskBox | None = None,
        model: str | None = None,
        supersede: bool = True,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> SegmentsAnswer:
        """Organs by their names ("lungs", "heart"), labels of a `LabelModel`, or one lesion by prompts, on the case's own voxels.

        base: the revision of the lesion this corrects; the answer then holds only the box that changed. previous: the
        mask it is corrected from where that is not the revision's, as after a change by hand. supersede: an earlier segmentation
        of this case that is not finished is given up. Raises JobFailed ("not_chest"), RequestRefused, Cancelled.
        """
        if (not targets) == (prompt is None):
            raise ValueError("give either targets or a prompt")
        asked: dict[str, Any] = {"task": "segment", "targets": list(targets)}
        if prompt is not None:
            asked = {"task": "lesion", "prompt": prompt_record(prompt), "base": base}
            asked |= {} if previous is None else {"previous": pack_mask(previous)}
        question = {"model": model, "supersede": supersede, "wait_s": WAIT_S, **asked}
        return segments_answer(self._run(study, question, progress, cancel))

    def ask(
        self,
        study: str,
        question: str,
        *,
        model: str | None = None,
        supersede: bool = True,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> QuestionAnswer:
        """Answer a question about a case, with the places it rests on; "cannot tell" is an answer.

        supersede: an earlier question about this case that is not answered yet is given up. Raises RequestRefused for a question
        without words or of more than `limits.sentence_chars`, JobFailed, Cancelled.
        """
        asked = {"task": "ask", "question": question, "model": model, "supersede": supersede, "wait_s": WAIT_S}
        return question_answer(self._run(study, asked, progress, cancel))

    def classify(
        self, study: str, *, model: str | None = None, progress: ProgressCall | None = None, cancel: CancelFlag | None = None
    ) -> ClassifyAnswer:
        """How probable each of the 18 CT-RATE findings is in a case. Raises JobFailed, Cancelled."""
        asked = {"task": "classify", "model": model, "supersede": True, "wait_s": WAIT_S}
        return classify_answer(self._run(study, asked, progress, cancel))

    def draft_report(
        self,
        study: str,
        *,
        threshold: float = 0.3,
        model: str | None = None,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> DraftAnswer:
        """Draft a report of a case: every sentence with its place and how probable it is, or why it is held back.

        threshold: probability, 0 to 1, under which a sentence is held back. Raises RequestRefused, JobFailed, Cancelled.
        """
        asked = {"task": "report", "threshold": float(threshold), "model": model, "supersede": True, "wait_s": WAIT_S}
        return draft_answer(self._run(study, asked, progress, cancel))

    def documents(
        self,
        study: str,
        review: str,
        formats: Sequence[str],
        *,
        audit_sha256: str = "",
        drawn: Sequence[DrawnSegment] = (),
        model: str | None = None,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> dict[str, bytes]:
        """A review as files by name. formats: of "pdf" and "dicom"; the latter for a series of the server's DICOMweb archive.

        review: its one line of JSON, `asap.review.to_json`. drawn: segments that stand for their sentences' regions. Raises
        JobFailed where the server does not hold the CT as DICOM, RequestRefused for a review that was changed after signing,
        Cancelled.
        """
        asked: dict[str, Any] = {"task": "documents", "review": review, "formats": list(formats), "audit_sha256": audit_sha256}
        asked |= {"drawn": [drawn_record(segment) for segment in drawn]} if drawn else {}
        return document_files(self._run(study, {"model": model, "wait_s": WAIT_S, **asked}, progress, cancel))

    def strategies(self) -> list[labelling.Strategy]:
        """How the server can choose the study that is labelled next."""
        return labelling.strategies(self._transport.json(Request("GET", "/info/"))[1])

    def next_sample(self, strategy: str, *, cancel: CancelFlag | None = None) -> str | None:
        """The id of the study in the server's datastore to label next; None when all are labelled.

        Raises NotFound for a strategy the server does not have, Cancelled.
        """
        return labelling.next_image(self._transport.json(labelling.next_request(strategy), cancel=cancel)[1])

    def datastore_image(self, image: str, *, cancel: CancelFlag | None = None) -> bytes:
        """An image of the datastore as the file it is: NIfTI or NRRD. Raises NotFound, Cancelled."""
        return self._transport.ask(labelling.image_request(image), cancel=cancel, total_s=labelling.FILE_S).body

    def holds_image(self, image: str, sha256: str = "") -> bool:
        """Whether the datastore holds an image. sha256: and it is a file of these very bytes."""
        try:
            self._transport.ask(labelling.held_request(image, sha256), total_s=labelling.FILE_S)
        except (NotFound, NotAsapServer):  # the answer to this question has no body that could name the protocol
            return False
        return True

    def save_label(
        self,
        image: str,
        label: bytes,
        names: Sequence[str],
        *,
        ending: str = ".seg.nrrd",
        tag: str = "final",
        cancel: CancelFlag | None = None,
    ) -> None:
        """Submit the label of a study of the datastore; it takes the place of an earlier one of this tag.

        label: a file of whole numbers, of this ending (.nii, .nii.gz, .nrrd, .seg.nrrd). names: of the values 1, 2, ...
        Raises NotFound, RequestRefused, TooLarge, Cancelled, ValueError for another ending.
        """
        request = labelling.label_request(image, label, names, ending=ending, tag=tag)
        self._transport.json(request, cancel=cancel, total_s=labelling.FILE_S)

    def heartbeat(self) -> None:
        """Tell the server that this session is alive. Raises SessionGone when it no longer is."""
        self._session.heartbeat()

    def keep_alive(self) -> None:
        """Send heartbeats from a background thread until `close()` or until this client is no longer used."""
        self._session.keep_alive()

    def close(self) -> None:
        """End the session: the server frees all it holds for it. Never raises a ClientError; calling twice is harmless."""
        self._session.end()
        self._transport.close()

    def _run(self, study: str, question: Mapping[str, Any], progress: ProgressCall | None, cancel: CancelFlag | None) -> Any:
        headers = self._session.headers()
        with self._forgetting(headers):
            known = checks.hex_id(study, "study")
            return run_job(self._transport, headers, known, question, progress=progress, cancel=cancel)

    @contextmanager
    def _forgetting(self, headers: dict[str, str]) -> Iterator[None]:
        """Forget the session when the server has given it up."""
        try:
            yield
        except SessionGone:
            self._session.forget(headers)
            raise


def _study_path(study: str) -> str:
    return f"{PREFIX}/studies/{checks.hex_id(study, 'study')}"
