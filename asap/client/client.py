"""`AsapClient`: everything a viewer asks of an ASAP server."""

from __future__ import annotations

from collections.abc import Sequence

from .protocol import (
    CancelFlag,
    DatastoreImage,
    EncodeAnswer,
    GroundAnswer,
    ProgressCall,
    ServerInfo,
    StudyState,
    Timeouts,
)


class AsapClient:
    """One server, one session. Methods may be called from several threads; each thread keeps its own connection.

    url: such as "http://127.0.0.1:8000"; without a scheme it is taken as http://. token: sent to this origin only. ca_file:
    certificates (PEM) to trust instead of the system's, for a hospital's own authority.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        session_liveness_s: int = 60,
        ca_file: str | None = None,
    ) -> None:
        raise NotImplementedError

    def health(self) -> bool:
        """Whether an ASAP server answers at all; never raises a ClientError."""
        raise NotImplementedError

    def info(self) -> ServerInfo:
        """Version, models, limits. Raises VersionMismatch, NotAsapServer, Unauthorised, ServerUnreachable."""
        raise NotImplementedError

    def datastore_images(self) -> list[DatastoreImage]:
        """Images the server holds already, by id."""
        raise NotImplementedError

    def open_study(
        self,
        voxels: bytes | memoryview,
        shape: Sequence[int],
        affine_ras_mm: Sequence[Sequence[float]],
        *,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> str:
        """Upload int16 little endian HU (i fastest) of `shape` ; returns the id of the case. A broken upload is resumed."""
        raise NotImplementedError

    def open_datastore_study(self, datastore_id: str) -> str:
        """Open an image the server holds and return the case's id."""
        raise NotImplementedError

    def study(self, study: str) -> StudyState:
        """State of a case."""
        raise NotImplementedError

    def close_study(self, study: str) -> None:
        """Free a case on the server; one that is gone already is no error."""
        raise NotImplementedError

    def encode(
        self,
        study: str,
        *,
        model: str | None = None,
        fine: bool = False,
        progress: ProgressCall | None = None,
        cancel: CancelFlag | None = None,
    ) -> EncodeAnswer:
        """Encode a case so that sentences are answered at once."""
        raise NotImplementedError

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
        """Where each sentence, or each sentence of a report, is true. Encodes the case first when that was not done."""
        raise NotImplementedError

    def heartbeat(self) -> None:
        """Tell the server that this session is alive."""
        raise NotImplementedError

    def keep_alive(self) -> None:
        """Send heartbeats from a background thread until `close()` or until this client is no longer used."""
        raise NotImplementedError

    def close(self) -> None:
        """End the session: the server frees all it holds for it. Never raises a ClientError; calling twice is harmless."""
        raise NotImplementedError
