"""Cases on the server: which study answers for a volume, opened once by content, from the server's own archive where it can be.

Runs on worker threads; only `case_source` touches the scene.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from asap.client import AsapClient, Cancelled, ModelInfo, NotFound, Progress, RequestRefused, SessionGone, StudyState
from asap.client.protocol import CancelFlag

from . import volume_nodes
from .background import Work
from .datastore_images import Held, held_of
from .i18n import _
from .identity import voxel_identity
from .resample import Stopped, hu_bytes, resample_for_model
from .volume_nodes import SourceImage

Origin = Literal["datastore", "upload"]
Answer = TypeVar("Answer")
Tell = Callable[[Progress], None]

SPACING_TOLERANCE = 0.02  # headers round


@dataclass(frozen=True, eq=False)
class CaseSource:
    """What a worker needs of a volume node, taken on the GUI thread. held: the image of a server's datastore it is."""

    node_id: str
    image: SourceImage
    held: Held | None


@dataclass(frozen=True)
class OpenCase:
    """A study on the server. origin: whether the server held it already or it was uploaded."""

    study: str
    origin: Origin


def case_source(volume: Any) -> CaseSource:
    """Take a volume node's image and identity. ValueError says what is wrong with the choice."""
    if volume is not None and volume.GetAttribute("ASAP.role"):
        raise ValueError(_("The chosen volume is the heatmap itself; choose the CT."))
    image = volume_nodes.source_image(volume)
    return CaseSource(volume.GetID(), image, held_of(volume))


class Cases:
    """The studies one client has open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_stamp: dict[tuple[Any, ...], OpenCase] = {}
        self._by_content: dict[str, OpenCase] = {}
        self._identities: dict[tuple[Any, ...], str] = {}

    def identity(self, source: CaseSource) -> str:
        """`voxel_identity` of a volume, taken once as long as its voxels stay."""
        if source.image.stamp not in self._identities:
            self._identities[source.image.stamp] = voxel_identity(source.image)
        return self._identities[source.image.stamp]

    def open(self, client: AsapClient, source: CaseSource, model: ModelInfo, tell: Tell, cancel: CancelFlag) -> OpenCase:
        """The study for this volume: known already, held by the server, or uploaded now. Raises ClientError or Cancelled."""
        with self._turn(cancel):
            stamp = (*source.image.stamp, model.spacing_mm, model.antialias)
            known = self._by_stamp.get(stamp) or self._by_stamp.get((*source.image.stamp, "full"))
            if known is None:
                known = self._from_datastore(client, source, model, tell, cancel)
                known = known or self._uploaded(client, source, model, tell, cancel)
                self._by_stamp[stamp] = known
            return known

    def open_full(self, client: AsapClient, source: CaseSource, model: ModelInfo, tell: Tell, cancel: CancelFlag) -> OpenCase:
        """The study with the volume's own voxels, held by the server already or sent in full: what a mask is answered on."""
        with self._turn(cancel):
            stamp = (*source.image.stamp, "full")
            known = self._by_stamp.get(stamp)
            if known is None:
                known = self._from_datastore(client, source, model, tell, cancel)
            if known is None:
                voxels = hu_bytes(source.image.voxels_ijk)
                rows = [[float(x) for x in row] for row in source.image.affine_ras_mm]
                study = client.open_study(voxels, source.image.shape, rows, progress=tell, cancel=cancel)
                known = OpenCase(study, "upload")
            self._by_stamp[stamp] = known
            return known

    @contextmanager
    def _turn(self, cancel: CancelFlag) -> Iterator[None]:
        while not self._lock.acquire(timeout=0.05):  # the same case must not be sent twice at once
            if cancel.is_set():
                raise Cancelled(_("The work was stopped."))
        try:
            yield
        finally:
            self._lock.release()

    def forget(self) -> None:
        """The session and all its studies are gone."""
        self._by_stamp.clear()
        self._by_content.clear()

    def holds(self, node_id: str) -> bool:
        """Whether a study is open for a volume node."""
        return any(stamp[0] == node_id for stamp in tuple(self._by_stamp))

    def release(self, client: AsapClient, node_id: str | None = None) -> None:
        """Free the studies of a volume node (of all) on the server, unless another node shares their content."""
        gone = {stamp: case for stamp, case in self._by_stamp.items() if node_id in (None, stamp[0])}
        for stamp in gone:
            del self._by_stamp[stamp]
        for case in set(gone.values()) - set(self._by_stamp.values()):
            self._by_content = {key: other for key, other in self._by_content.items() if other != case}
            client.close_study(case.study)

    def _from_datastore(
        self, client: AsapClient, source: CaseSource, model: ModelInfo, tell: Tell, cancel: CancelFlag
    ) -> OpenCase | None:
        if source.held is None or not source.held.is_still_in(client):
            return None
        try:
            study = client.open_datastore_study(source.held.image)
        except (NotFound, RequestRefused):
            return None
        state = client.study(study)
        if state.shape is None:  # the server knows its grid once it has read it, which encoding begins with
            client.encode(study, model=model.name, progress=tell, cancel=cancel)
            state = client.study(study)
        if _same_grid(state, source.image):
            return OpenCase(study, "datastore")
        client.close_study(study)  # a series with several volumes, or an edited one: what the reader sees goes up instead
        return None

    def _uploaded(self, client: AsapClient, source: CaseSource, model: ModelInfo, tell: Tell, cancel: CancelFlag) -> OpenCase:
        stage = _("preparing the volume")
        try:
            upload = resample_for_model(
                source.image.voxels_ijk,
                source.image.affine_ras_mm,
                model.spacing_mm,
                antialias=model.antialias,
                progress=lambda share: tell(Progress(stage, share)),
                stopped=cancel.is_set,
            )
        except Stopped as stopped:
            raise Cancelled(_("The work was stopped.")) from stopped
        digest = hashlib.sha256(upload.bytes_fortran)
        digest.update(repr(upload.voxels_ijk.shape).encode() + upload.affine_ras_mm.tobytes())
        known = self._by_content.get(digest.hexdigest())
        if known is None:
            rows = [[float(x) for x in row] for row in upload.affine_ras_mm]
            study = client.open_study(upload.bytes_fortran, upload.voxels_ijk.shape, rows, progress=tell, cancel=cancel)
            known = self._by_content[digest.hexdigest()] = OpenCase(study, "upload")
        return known


@dataclass(frozen=True, eq=False)
class Plan:
    """What a worker needs, taken on the GUI thread."""

    client: AsapClient
    cases: Cases
    source: CaseSource
    model: ModelInfo
    fine: bool

    def on_study(self, work: Work, act: Callable[[str], Answer], *, full: bool = False) -> tuple[OpenCase, Answer]:
        """Do something with the case's study; when the server has forgotten the session, bring the case again, once.

        full: the study with the volume's own voxels, in place of the one the model needs.
        """
        case = self._open(work, full)
        try:
            return case, act(case.study)
        except SessionGone:
            self.cases.forget()
            case = self._open(work, full)
            return case, act(case.study)

    def _open(self, work: Work, full: bool) -> OpenCase:
        if full:
            return self.cases.open_full(self.client, self.source, self.model, work.report, work)
        return self.cases.open(self.client, self.source, self.model, work.report, work)


def _same_grid(state: StudyState, image: SourceImage) -> bool:
    if state.shape is None or state.spacing_mm is None:
        return False
    theirs = sorted(zip(state.shape, state.spacing_mm, strict=True))
    ours = sorted(zip(image.shape, image.spacing_mm, strict=True))
    return all(n == m and abs(mm - nn) <= SPACING_TOLERANCE * max(mm, nn) for (n, mm), (m, nn) in zip(theirs, ours, strict=True))
