"""The JSON of `/asap/v1`: exact types, no unknown keys, a limit on every length."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from asap import limits

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Real = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[list[Real], Field(min_length=4, max_length=4)]
Affine = Annotated[list[Row], Field(min_length=4, max_length=4, description="voxel index -> RAS+ mm")]
Side = Annotated[int, Field(ge=1, le=limits.MAX_SLICES)]
Point = Annotated[list[Real], Field(min_length=3, max_length=3)]
Cells = Annotated[list[int], Field(min_length=3, max_length=3)]
Share = Annotated[float, Field(ge=0, le=1)]


class Exact(BaseModel):
    """No key that is not named, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SessionRequest(Exact):
    """Who asks, and how long it may be silent before its session ends."""

    client: str = Field(min_length=1, max_length=limits.MAX_CLIENT_NAME_CHARS)
    liveness_s: float = Field(default=60.0, ge=5.0, le=600.0, allow_inf_nan=False)


class SessionAnswer(Exact):
    """A session: `session` is the value of the header X-ASAP-Session."""

    session: Id
    liveness_s: float
    idle_s: float


class UploadDeclaration(Exact):
    """A volume to come: int16 little endian HU, i fastest. bytes, sha256: of the encoded form."""

    shape: list[Side] = Field(min_length=3, max_length=3)
    affine_ras_mm: Affine
    encoding: Literal["shuffle-zlib", "raw"]
    bytes: int = Field(ge=1, le=2**62)
    sha256: Sha256
    part_bytes: int = Field(ge=1, le=2**62)


def exactly_one(first: str, second: str) -> ConfigDict:
    """The rule of the validator, for those who read the document: one of both is given, the other is absent or null."""

    def given(name: str, other: str) -> JsonDict:
        return {"required": [name], "properties": {name: {"not": {"type": "null"}}, other: {"type": "null"}}}

    return ConfigDict(json_schema_extra={"oneOf": [given(first, second), given(second, first)]})


class StudyRequest(Exact):
    """Exactly one of an id of the server's own archive, or the declaration of an upload."""

    model_config = exactly_one("datastore_id", "upload")
    datastore_id: str | None = Field(default=None, min_length=1, max_length=limits.MAX_DATASTORE_ID_CHARS)
    upload: UploadDeclaration | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> StudyRequest:
        """One and only one."""
        if (self.datastore_id is None) == (self.upload is None):
            raise ValueError("give either datastore_id or upload")
        return self


class StudyAnswer(Exact):
    """A declared study and the parts it waits for."""

    study: Id
    state: Literal["uploading", "ready"]
    parts: int
    missing: list[int]


class PartAnswer(Exact):
    """Parts still to come."""

    missing: list[int]


class Encoded(Exact):
    """One encoding that answers at once."""

    model: str
    fine: bool


class Coverage(Exact):
    """The box the model saw: its eight corners."""

    model: str
    corner_ras_mm: Annotated[list[Point], Field(min_length=8, max_length=8)]


class StudyState(Exact):
    """A study. shape and spacing_mm are null until a study of the archive was read."""

    study: Id
    state: Literal["uploading", "ready"]
    missing: list[int]
    encoded: list[Encoded]
    shape: Cells | None
    spacing_mm: Point | None
    coverage: Coverage | None


class Asked(Exact):
    """What every kind of job is asked with. task: the kind; model: null for the default.

    fine: work on half cells. wait_s: answer in this request when done in time. supersede: earlier jobs of this kind about this
    case that are not done yet are given up.
    """

    task: str
    model: str | None = Field(default=None, min_length=1, max_length=limits.MAX_MODEL_NAME_CHARS)
    fine: bool = False
    supersede: bool = False
    wait_s: float = Field(default=0.0, ge=0.0, le=10.0, allow_inf_nan=False)


class Problem(Exact):
    """What went wrong: a code for programs, a sentence for people, a number for the log."""

    code: str
    message: str
    id: str


class ErrorBody(Exact):
    """The body of every error."""

    error: Problem


class JobAnswer(Exact):
    """A job that waits or runs. position: 1 is the next to be run, 0 is not waiting any more."""

    job: Id
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int


class JobState(JobAnswer):
    """How far a job is."""

    stage: str | None
    share: Share | None
    error: Problem | None


class ModelUsed(Exact):
    """The model an answer came from."""

    name: str
    weights_sha256: str


class Answered(Exact):
    """What every kind of job answers. notice: must be shown beside the answer."""

    task: str
    study: Id
    model: ModelUsed
    notice: str


class MapRecord(Exact):
    """A box of a heatmap. data: base64 of zlib of one byte a cell, levels 0 to 63, C order; heat = level / 63 * peak."""

    shape: Cells
    affine_ras_mm: Affine
    grid_shape: Cells
    grid_start: Cells
    peak: float
    threshold: float
    data: str


class Health(Exact):
    """The server answers."""

    status: Literal["ok"]


class Info(Exact):
    """What this server is and can do. label_models: those that are asked for segments of their labels alone."""

    protocol: Literal[1]
    version: str
    capabilities: list[str]
    models: list[dict[str, Any]]
    label_models: list[dict[str, Any]]
    default_model: str
    device: Literal["cpu", "cuda"]
    queue: dict[str, int]
    sessions: dict[str, int]
    limits: dict[str, int]
    datastore: dict[str, Any]
    research_use: str
