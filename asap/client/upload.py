"""Bringing a volume to the server: compress, declare by content, send the parts the server does not have yet."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import checks
from .connection import Request
from .errors import ProtocolError, ServerUnreachable, TooLarge
from .protocol import PREFIX, CancelFlag, Progress, ProgressCall, ServerLimits, StudyState, missing_parts, study_state
from .transport import Transport, check_cancel, wait
from .wire import pack_voxels, to_json

PART_BYTES = 2**20
PARTS = 16  # of a large upload: enough to show how far it is
ROUNDS = 3  # how often parts that a broken connection lost are asked for again
PAUSE_S = 0.5


def upload_study(
    transport: Transport,
    session: Mapping[str, str],
    limits: ServerLimits,
    voxels: bytes | memoryview,
    *,
    shape: Sequence[int],
    affine_ras_mm: Sequence[Sequence[float]],
    progress: ProgressCall | None,
    cancel: CancelFlag | None,
) -> str:
    """The id of the case once the server has all of it.

    Raises ValueError when voxels and shape do not fit, TooLarge, Cancelled, and what `Transport.ask` raises.
    """
    data = memoryview(voxels).cast("B")
    if len(shape) != 3 or min(shape) < 1 or len(data) != 2 * math.prod(shape):
        raise ValueError("voxels must be int16 of the shape (i, j, k)")
    affine = checks.affine([list(row) for row in affine_ras_mm], "affine_ras_mm")
    encoded = pack_voxels(data, lambda share: _tell("compressing", share, progress, cancel))
    if len(encoded) > limits.upload_bytes:
        raise TooLarge("The volume is larger than this server takes.", "Crop or resample it first.")
    part_bytes = min(max(PART_BYTES, -(-len(encoded) // PARTS)), limits.part_bytes)
    declaration = {
        "shape": [int(n) for n in shape],
        "affine_ras_mm": [list(row) for row in affine],
        "encoding": "shuffle-zlib",
        "bytes": len(encoded),
        "sha256": hashlib.sha256(encoded).hexdigest(),
        "part_bytes": part_bytes,
    }
    # The same declaration names the same study in a session, so that asking again is harmless.
    declare = Request(
        "POST", f"{PREFIX}/studies", to_json({"upload": declaration}), {"Content-Type": "application/json", **session}
    )
    headers = {"Content-Type": "application/octet-stream", **session}
    parts = _Parts(transport, headers, memoryview(encoded), part_bytes, progress, cancel)
    for rounds_left in reversed(range(ROUNDS)):
        study = study_state(transport.json(declare, cancel=cancel)[1])
        try:
            parts.send_missing(study)
            break
        except ServerUnreachable:
            if not rounds_left:
                raise
            wait(PAUSE_S, cancel)
    return study.study


@dataclass(frozen=True)
class _Parts:
    """The parts of one encoded upload."""

    transport: Transport
    headers: Mapping[str, str]
    encoded: memoryview
    part_bytes: int
    progress: ProgressCall | None
    cancel: CancelFlag | None

    @property
    def count(self) -> int:
        """Number of parts; the last may be shorter."""
        return -(-len(self.encoded) // self.part_bytes)

    def send_missing(self, study: StudyState) -> None:
        """Send parts until the server misses none. Raises ProtocolError when it asks for what does not exist, or without end."""
        missing = study.missing
        for _ in range(self.count + 1):
            self._tell(missing)
            if not missing:
                return
            if missing[0] >= self.count:
                break
            missing = self._send(study.study, missing[0])
        raise ProtocolError("The server asks for parts of the upload that it already has or that do not exist.")

    def _send(self, study: str, number: int) -> tuple[int, ...]:
        part = self.encoded[number * self.part_bytes : (number + 1) * self.part_bytes]
        request = Request("PUT", f"{PREFIX}/studies/{study}/parts/{number}", part, self.headers)
        _, value = self.transport.json(request, cancel=self.cancel, total_s=self.transport.timeouts.upload_s)
        return missing_parts(value)

    def _tell(self, missing: Sequence[int]) -> None:
        waiting = sum(
            min(self.part_bytes, len(self.encoded) - number * self.part_bytes) for number in missing if number < self.count
        )
        _tell("sending", 1.0 - waiting / len(self.encoded), self.progress, self.cancel)


def _tell(stage: str, share: float, progress: ProgressCall | None, cancel: CancelFlag | None) -> None:
    check_cancel(cancel)
    if progress is not None:
        progress(Progress(stage, share))
