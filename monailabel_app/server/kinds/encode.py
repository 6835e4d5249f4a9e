"""Encode a case, so that whatever is asked about it afterwards is answered at once."""

from __future__ import annotations

from typing import Literal

from monailabel_app.server.answers import coverage_record
from monailabel_app.server.kinds.kind import Answer, Case, Kind, Steps
from monailabel_app.server.schemas import Answered, Asked, Coverage, Sha256


class EncodeRequest(Asked):
    """Encode a case."""

    task: Literal["encode"]


class EncodeResult(Answered):
    """A case was encoded. identity: sha256 of its voxels in RAS order."""

    task: Literal["encode"]
    seconds: float
    identity: Sha256
    coverage: Coverage


def prepare(_request: EncodeRequest) -> Answer:
    """There is nothing to read: every case is encoded before its answer begins."""
    return _answer


def _answer(case: Case) -> Steps:
    yield from ()
    coverage = coverage_record(case.engine, case.features)
    return {"seconds": round(case.encode_s, 3), "identity": case.features.identity, "coverage": coverage}


ENCODE = Kind(EncodeRequest, EncodeResult, prepare)
