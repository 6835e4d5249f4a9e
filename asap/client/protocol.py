"""What the server's answers look like to a caller: frozen records, made only from answers that keep to the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from . import checks
from .checks import Point, Triple
from .errors import ProtocolError
from .wire import HeatmapBox, unpack_map

PROTOCOL = 1
PREFIX = "/asap/v1"
MAX_SENTENCES = 10_000
MAX_IMAGES = 1_000_000
MAX_LABELS = 255
MAX_SIDE = 100_000
BOX_CORNERS = 8

StudyPhase = Literal["uploading", "ready"]


class CancelFlag(Protocol):
    """Anything like `threading.Event`: once `is_set()` is true, the call ends with Cancelled within two seconds."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait: for a connection, for the next bytes of an answer, and for the server to take one part of an upload."""

    connect_s: float = 5.0
    read_s: float = 30.0
    upload_s: float = 120.0


@dataclass(frozen=True)
class Progress:
    """What is being done, how much of this stage (0 to 1, None when unknown), and the place in the queue while waiting."""

    stage: str
    share: float | None = None
    queue_position: int | None = None


ProgressCall = Callable[[Progress], None]


@dataclass(frozen=True)
class ModelInfo:
    """One model a server offers. spacing_mm: of its input voxels; cell_mm: of its heatmap's cells.

    antialias: whether a finer CT is averaged onto its voxels, or sampled. calibrated: its answers carry confidences.
    """

    name: str
    weights_sha256: str
    spacing_mm: Point
    cell_mm: Point
    antialias: bool
    calibrated: bool
    card: str


@dataclass(frozen=True)
class LabelModel:
    """A model that is asked for segments of its labels and nothing else: `segment(study, targets=labels, model=name)`."""

    name: str
    weights_sha256: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ServerLimits:
    """What a server takes at most, in characters, counts and bytes."""

    sentence_chars: int
    report_chars: int
    sentences: int
    part_bytes: int
    upload_bytes: int
    sessions: int


@dataclass(frozen=True)
class ServerInfo:
    """What a server says about itself. datastore_kind: "folder" or "dicomweb"; datastore_images: None when it does not count."""

    protocol: int
    version: str
    capabilities: tuple[str, ...]
    models: tuple[ModelInfo, ...]
    default_model: str
    device: str
    queue_length: int
    queue_limit: int
    sessions_open: int
    sessions_limit: int
    limits: ServerLimits
    datastore_kind: str
    datastore_images: int | None
    research_use: str
    label_models: tuple[LabelModel, ...] = ()


@dataclass(frozen=True)
class ModelUsed:
    """The model an answer came from."""

    name: str
    weights_sha256: str


@dataclass(frozen=True)
class Coverage:
    """The box of the patient the model saw: its eight corners in RAS+ mm."""

    model: str
    corner_ras_mm: tuple[Point, ...]


@dataclass(frozen=True)
class StudyState:
    """A case on the server. missing: numbers of the parts still to come; encoded: (model, fine) pairs that answer at once."""

    study: str
    state: StudyPhase
    missing: tuple[int, ...]
    encoded: tuple[tuple[str, bool], ...]
    shape: Triple | None
    spacing_mm: Point | None
    coverage: Coverage | None


@dataclass(frozen=True)
class EncodeAnswer:
    """A case was encoded. identity: sha256 of its voxels as the server names the case."""

    study: str
    model: ModelUsed
    seconds: float
    identity: str
    coverage: Coverage | None


@dataclass(frozen=True)
class SentenceAnswer:
    """The answer for one sentence. `reason` says why there is no map; `span` is its place in the report's characters.

    confidence: calibrated probability or None. peak_ras_mm: RAS+ mm. tokens: cells of the region. fine_map: the half cells around
    the peak, when they were asked for.
    """

    index: int
    text: str
    section: str | None
    assertion: str
    laterality: str | None
    localisable: bool
    reason: str | None
    confidence: float | None
    peak_ras_mm: Point | None
    tokens: int | None
    threshold: float | None
    side_check: str
    span: tuple[int, int] | None
    map: HeatmapBox | None
    fine_map: HeatmapBox | None


@dataclass(frozen=True)
class GroundAnswer:
    """Answers in the order of the sentences; `notice` must be shown beside them."""

    study: str
    model: ModelUsed
    notice: str
    sentences: tuple[SentenceAnswer, ...]


@dataclass(frozen=True)
class DatastoreImage:
    """An image the server's datastore holds; `id` goes to `open_datastore_study`."""

    id: str
    description: str


def server_info(value: Any) -> ServerInfo:
    """The answer of `GET info`."""
    record = checks.mapping(value, "info")
    queue, sessions = checks.mapping(record.get("queue"), "queue"), checks.mapping(record.get("sessions"), "sessions")
    limits = checks.mapping(record.get("limits"), "limits")
    store = checks.mapping(record.get("datastore"), "datastore")
    images = store.get("images")
    return ServerInfo(
        protocol=checks.whole(record.get("protocol"), "protocol"),
        version=checks.text(record.get("version"), "version", at_most=100),
        capabilities=tuple(
            checks.text(word, "capabilities", at_most=100)
            for word in checks.items(record.get("capabilities"), "capabilities", at_most=100)
        ),
        models=tuple(_model_info(model) for model in checks.items(record.get("models"), "models", at_most=100)),
        default_model=checks.text(record.get("default_model"), "default_model", at_most=200),
        device=checks.text(record.get("device"), "device", at_most=100),
        queue_length=checks.whole(queue.get("length"), "queue.length"),
        queue_limit=checks.whole(queue.get("limit"), "queue.limit"),
        sessions_open=checks.whole(sessions.get("open"), "sessions.open"),
        sessions_limit=checks.whole(sessions.get("limit"), "sessions.limit"),
        limits=ServerLimits(
            **{name: checks.whole(limits.get(name), name, least=1) for name in ServerLimits.__dataclass_fields__}
        ),
        datastore_kind=checks.text(store.get("kind"), "datastore.kind", at_most=100),
        datastore_images=None if images is None else checks.whole(images, "datastore.images"),
        research_use=checks.text(record.get("research_use"), "research_use", at_most=1000),
        label_models=tuple(
            _label_model(model) for model in checks.items(record.get("label_models", []), "label_models", at_most=100)
        ),
    )


def datastore_images(value: Any) -> list[DatastoreImage]:
    """The answer of MONAI Label's `GET /datastore/?output=all`."""
    images = checks.mapping(checks.mapping(value, "datastore").get("objects"), "objects")
    if len(images) > MAX_IMAGES:
        raise ProtocolError(f"The server lists more than {MAX_IMAGES} images.")
    return [DatastoreImage(checks.text(name, "id", at_most=1000), _description(image)) for name, image in images.items()]


def _description(value: Any) -> str:
    """The series description a DICOMweb archive gives, else nothing."""
    image = checks.mapping(checks.mapping(value, "objects").get("image"), "image")
    said = checks.mapping(image.get("info", {}), "info").get("SeriesDescription", "")
    return checks.text(said, "SeriesDescription", at_most=1000)


def _model_info(value: Any) -> ModelInfo:
    record = checks.mapping(value, "models")
    return ModelInfo(
        name=checks.text(record.get("name"), "model.name", at_most=200),
        weights_sha256=checks.text(record.get("weights_sha256"), "model.weights_sha256", at_most=64),
        spacing_mm=checks.point(record.get("spacing_mm"), "model.spacing_mm"),
        cell_mm=checks.point(record.get("cell_mm"), "model.cell_mm"),
        antialias=checks.flag(record.get("antialias"), "model.antialias"),
        calibrated=checks.flag(record.get("calibrated"), "model.calibrated"),
        card=checks.text(record.get("card"), "model.card", at_most=100_000),
    )


def _label_model(value: Any) -> LabelModel:
    record = checks.mapping(value, "label_models")
    labels = checks.items(record.get("labels"), "label_model.labels", at_most=MAX_LABELS)
    return LabelModel(
        name=checks.text(record.get("name"), "label_model.name", at_most=200),
        weights_sha256=checks.text(record.get("weights_sha256"), "label_model.weights_sha256", at_most=64),
        labels=tuple(checks.text(label, "label_model.labels", at_most=200) for label in labels),
    )


def study_state(value: Any) -> StudyState:
    """The answer of `GET studies/{id}`, of a declaration (which has fewer fields) and of neither else."""
    record = checks.mapping(value, "study")
    state = record.get("state")
    if state not in ("uploading", "ready"):
        raise ProtocolError("The field state is not one of a case.")
    shape, spacing = record.get("shape"), record.get("spacing_mm")
    encoded = [checks.mapping(row, "encoded") for row in checks.items(record.get("encoded", []), "encoded", at_most=100)]
    return StudyState(
        study=checks.hex_id(record.get("study"), "study"),
        state=state,
        missing=missing_parts(record),
        encoded=tuple(
            (checks.text(row.get("model"), "encoded.model", at_most=200), checks.flag(row.get("fine"), "encoded.fine"))
            for row in encoded
        ),
        shape=None if shape is None else checks.triple(shape, "shape", least=1, most=MAX_SIDE),
        spacing_mm=None if spacing is None else checks.point(spacing, "spacing_mm"),
        coverage=_coverage(record.get("coverage")),
    )


def missing_parts(value: Any) -> tuple[int, ...]:
    """Numbers of the parts of an upload that the server still waits for."""
    listed = checks.items(checks.mapping(value, "study").get("missing"), "missing", at_most=MAX_SIDE)
    return tuple(checks.whole(n, "missing", most=MAX_SIDE) for n in listed)


def encode_answer(value: Any) -> EncodeAnswer:
    """The result of an encode job."""
    record = checks.mapping(value, "result")
    return EncodeAnswer(
        study=checks.hex_id(record.get("study"), "study"),
        model=model_used(record.get("model")),
        seconds=checks.number(record.get("seconds"), "seconds", least=0.0),
        identity=checks.text(record.get("identity"), "identity", at_most=64),
        coverage=_coverage(record.get("coverage")),
    )


def ground_answer(value: Any) -> GroundAnswer:
    """The result of a ground job."""
    record = checks.mapping(value, "result")
    return GroundAnswer(
        study=checks.hex_id(record.get("study"), "study"),
        model=model_used(record.get("model")),
        notice=checks.text(record.get("notice"), "notice", at_most=1000),
        sentences=tuple(
            sentence_answer(row) for row in checks.items(record.get("sentences"), "sentences", at_most=MAX_SENTENCES)
        ),
    )


def sentence_answer(value: Any) -> SentenceAnswer:
    """One sentence of a ground job's result."""
    record = checks.mapping(value, "sentence")
    peak, tokens, span = record.get("peak_ras_mm"), record.get("tokens"), record.get("span")
    return SentenceAnswer(
        index=checks.whole(record.get("index"), "index"),
        text=checks.text(record.get("text"), "text"),
        section=checks.optional_text(record.get("section"), "section"),
        assertion=checks.text(record.get("assertion"), "assertion", at_most=100),
        laterality=checks.optional_text(record.get("laterality"), "laterality"),
        localisable=checks.flag(record.get("localisable"), "localisable"),
        reason=checks.optional_text(record.get("reason"), "reason"),
        confidence=checks.optional_number(record.get("confidence"), "confidence", least=0.0, most=1.0),
        peak_ras_mm=None if peak is None else checks.point(peak, "peak_ras_mm"),
        tokens=None if tokens is None else checks.whole(tokens, "tokens"),
        threshold=checks.optional_number(record.get("threshold"), "threshold"),
        side_check=checks.text(record.get("side_check"), "side_check", at_most=100),
        span=None if span is None else _span(span),
        map=_map(record.get("map")),
        fine_map=_map(record.get("fine_map")),
    )


def _map(value: Any) -> HeatmapBox | None:
    return None if value is None else unpack_map(value)


def _span(value: Any) -> tuple[int, int]:
    pair = checks.items(value, "span", at_most=2)
    if len(pair) != 2 or not checks.whole(pair[0], "span") <= checks.whole(pair[1], "span"):
        raise ProtocolError("The field span is not a first and a last character.")
    return pair[0], pair[1]


def model_used(value: Any) -> ModelUsed:
    """The model an answer came from."""
    record = checks.mapping(value, "model")
    return ModelUsed(
        checks.text(record.get("name"), "model.name", at_most=200),
        checks.text(record.get("weights_sha256"), "model.weights_sha256", at_most=64),
    )


def _coverage(value: Any) -> Coverage | None:
    if value is None:
        return None
    record = checks.mapping(value, "coverage")
    corners = checks.items(record.get("corner_ras_mm"), "coverage.corner_ras_mm", at_most=BOX_CORNERS)
    if len(corners) != BOX_CORNERS:
        raise ProtocolError("The field coverage.corner_ras_mm does not list eight corners.")
    return Coverage(
        checks.text(record.get("model"), "coverage.model", at_most=200),
        tuple(checks.point(corner, "coverage.corner_ras_mm") for corner in corners),
    )
