"""The kinds of job this server knows, by the name a request gives as its task. To add one, see the README."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from monailabel_app.server.kinds.ask import ASK
from monailabel_app.server.kinds.classify import CLASSIFY
from monailabel_app.server.kinds.documents import DOCUMENTS
from monailabel_app.server.kinds.encode import ENCODE
from monailabel_app.server.kinds.ground import GROUND
from monailabel_app.server.kinds.kind import Kind
from monailabel_app.server.kinds.report import REPORT
from monailabel_app.server.kinds.segment import LESION, SEGMENT
from monailabel_app.server.schemas import Answered, Asked, Exact, Id

KINDS: dict[str, Kind] = {
    "encode": ENCODE,
    "ground": GROUND,
    "segment": SEGMENT,
    "lesion": LESION,
    "ask": ASK,
    "classify": CLASSIFY,
    "report": REPORT,
    "documents": DOCUMENTS,
}

# One of any kind, told apart by its task. For the type checker the fields that all kinds share.
if TYPE_CHECKING:
    JobRequest = Asked
    JobResult = Answered
else:
    JobRequest = Annotated[reduce(or_, (kind.request for kind in KINDS.values())), Field(discriminator="task")]
    JobResult = Annotated[reduce(or_, (kind.result for kind in KINDS.values())), Field(discriminator="task")]


class JobDone(Exact):
    """A job that was done within wait_s."""

    job: Id
    state: Literal["done"]
    result: JobResult
