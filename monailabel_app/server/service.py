"""`Service`: all that is behind `/asap/v1` but HTTP. It owns its threads and its private folder; there is no global state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asap import __version__, limits
from asap.inference.engine import Engine
from asap.models.catalog import MODELS
from asap.models.load_unetr import LoadedUnetr
from monailabel_app.lib.turns import Work
from monailabel_app.server.jobs import ImageQuestion, Job, Question
from monailabel_app.server.kinds.catalog import KINDS
from monailabel_app.server.kinds.segment import prepare_labels
from monailabel_app.server.runtime_folder import claim
from monailabel_app.server.schemas import Asked, StudyRequest, UploadDeclaration
from monailabel_app.server.service_config import ServiceConfig, StudySource
from monailabel_app.server.service_errors import ServiceError, conflict, not_found, queue_full, session_gone, too_large
from monailabel_app.server.sessions import Session, Sessions, remove_folder
from monailabel_app.server.studies import Study, Upload
from monailabel_app.server.uploads import UploadSpec
from monailabel_app.server.worker import NOTICE, Worker


class Service:
    """Sessions, studies and jobs of one server. Methods may be called from any thread; refusals are ServiceErrors."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        default_model: str,
        *,
        label_models: Mapping[str, LoadedUnetr],
        runtime_dir: Path,
        config: ServiceConfig,
        datastore: StudySource | None,
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self._engines = dict(engines)
        self._label_models = dict(label_models)
        self._default_model = default_model
        self._datastore = datastore
        self._lock_file = claim(runtime_dir)
        for engine in self._engines.values():
            if engine.store is not None:
                engine.store.forget_all_owners()
        self.sessions = Sessions(runtime_dir, limit=config.sessions, idle_s=config.idle_s, clock=clock)
        self.worker = Worker(self._engines, config)
        self._stop = threading.Event()
        self._reaper = threading.Thread(target=self._reap_until_closed, name="asap-reaper", daemon=True)

    def start(self) -> None:
        """Start the lanes and the reaper."""
        self.worker.lanes.start()
        self._reaper.start()

    def close(self) -> None:
        """Stop the threads and remove everything the sessions own."""
        self._stop.set()
        self._reaper.join()
        for session in self.sessions.all():
            self.close_session(session)
        self.worker.lanes.close()
        self._lock_file.close()

    def reap(self) -> None:
        """End every session whose time is over."""
        for session in self.sessions.expired():
            self.close_session(session)

    def close_session(self, session: Session) -> None:
        """End a session: its jobs are cancelled, its files and features removed."""
        if not self.sessions.remove(session):
            return
        with session.lock:
            session.closed = True
            studies, jobs = list(session.studies.values()), list(session.jobs.values())
        for job in jobs:
            self.abandon(job)
        for study in studies:
            study.release()
            self.worker.release(study)
        for engine in self._engines.values():
            engine.forget(session.owner)
        remove_folder(session.folder)

    # Studies

    def open(self, session: Session, request: StudyRequest) -> tuple[Study, bool]:
        """The study of this declaration, and whether it is new to the session."""
        if request.upload is not None:
            declaration: UploadSpec | str = self._checked_upload(request.upload)
        elif self._datastore is not None and request.datastore_id is not None and self._datastore.contains(request.datastore_id):
            declaration = request.datastore_id
        else:
            raise ServiceError(404, "not_found", "The server's archive holds no such study; upload the case instead.")
        with session.lock:
            if session.closed:
                raise session_gone()
            known = next((study for study in session.studies.values() if study.declaration == declaration), None)
            if known is not None:
                return known, False
            self._check_room(session, declaration)
            source = Upload(declaration, session.folder) if isinstance(declaration, UploadSpec) else declaration
            study = Study(source, self._datastore, session.owner)
            session.studies[study.id] = study
            return study, True

    def _checked_upload(self, declared: UploadDeclaration) -> UploadSpec:
        """Nothing is accepted that could not become a Volume."""
        i, j, k = declared.shape
        affine = tuple(tuple(row) for row in declared.affine_ras_mm)
        spec = UploadSpec((i, j, k), affine, declared.encoding, declared.bytes, declared.sha256, declared.part_bytes)
        if spec.bytes > self.config.upload_bytes or spec.part_bytes > self.config.part_bytes:
            raise too_large("The upload, or its parts, are larger than this server takes; its limits stand under info.")
        spec.check()
        return spec

    def _check_room(self, session: Session, declaration: UploadSpec | str) -> None:
        if len(session.studies) >= self.config.studies_per_session:
            raise conflict("This session has as many cases open as it may; close one first.")
        uploads = [study.declaration for study in session.studies.values()] + [declaration]
        if sum(spec.bytes for spec in uploads if isinstance(spec, UploadSpec)) > self.config.session_upload_bytes:
            raise too_large("This session already holds as many bytes as it may; close a case first.")

    def study(self, session: Session, study_id: str) -> Study:
        """A study of this session; 404 for any other."""
        with session.lock:
            if study_id not in session.studies:
                raise not_found("study")
            return session.studies[study_id]

    def close_study(self, session: Session, study_id: str) -> None:
        """Release a study: its jobs are cancelled, an upload's file and features removed."""
        with session.lock:
            study = self.study(session, study_id)
            del session.studies[study_id]
            jobs = [job for job in session.jobs.values() if job.study is study]
        for job in jobs:
            self.abandon(job)
        study.release()
        self.worker.release(study)

    def described(self, study: Study) -> dict[str, Any]:
        """The answer to `GET studies/{id}`."""
        return study.described(self.worker.shelf.encoded(study))

    # Jobs

    def submit(self, session: Session, study_id: str, request: Asked) -> Job:
        """Queue a job. 404 unknown study or model, 409 parts missing, 422 unusable text, 429 no place in the queue."""
        study = self.study(session, study_id)
        model = request.model or self._default_model
        if model not in self._engines and model not in self._label_models:
            raise not_found("model")
        if study.state != "ready":
            raise conflict("The case is not complete; send the missing parts first.")
        job = Job(session.id, study, self._question(request, model))
        if request.supersede:
            self._supersede(session, job)
        with session.lock:
            if study.closed or session.closed:
                raise not_found("study")
            self.worker.submit(job, self._open_sessions())
            session.jobs[job.id] = job
        self._forget_old(session)
        return job

    def _question(self, request: Asked, model: str) -> Question | ImageQuestion:
        own = self._label_models.get(model)
        if own is not None:
            return ImageQuestion(request.task, model, own.weights_sha256, prepare_labels(request, own))
        kind = KINDS[request.task]
        return Question(request.task, model, request.fine, kind.prepare(request), kind.lane_of(request))

    def run_errand(self, work: Work) -> None:
        """Do the work of a client that speaks MONAI Label's protocol, in its turn. 429 no place in the queue."""
        self.worker.run_errand(work, self._open_sessions())

    def _open_sessions(self) -> set[str]:
        return {session.id for session in self.sessions.all()}

    def job(self, session: Session, job_id: str) -> Job:
        """A job of this session, whose client asks for it; 404 for any other."""
        with session.lock:
            if job_id not in session.jobs:
                raise not_found("job")
            job = session.jobs[job_id]
            job.asked += 1
            return job

    def cancel(self, session: Session, job_id: str) -> None:
        """Cancel a job; one that ended stays as it is."""
        self.abandon(self.job(session, job_id))

    def check_streams(self, session: Session) -> None:
        """429 when the session has as many event streams open as it may."""
        with session.lock:
            if session.streams >= self.config.streams_per_session:
                raise queue_full()

    @contextmanager
    def streaming(self, session: Session) -> Iterator[None]:
        """Count an event stream; it keeps its session."""
        with self.sessions.using(session.id):
            with session.lock:
                session.streams += 1
            try:
                yield
            finally:
                with session.lock:
                    session.streams -= 1

    def abandon(self, job: Job) -> None:
        """Cancel a job, whoever decided so."""
        job.cancelled()
        self.worker.lanes.withdraw(job)

    def _supersede(self, session: Session, newer: Job) -> None:
        with session.lock:
            alike = (newer.study, newer.question.task)
            older = [job for job in session.jobs.values() if (job.study, job.question.task) == alike]
        for job in older:
            if not job.ended:
                self.abandon(job)

    def _forget_old(self, session: Session) -> None:
        """Keep the newest finished jobs, within their number and bytes."""
        with session.lock:
            kept, size = 0, 0
            for job in [job for job in reversed(session.jobs.values()) if job.ended]:
                kept, size = kept + 1, size + job.result_bytes()
                if kept > self.config.jobs_kept or (kept > 1 and size > self.config.result_bytes_kept):
                    del session.jobs[job.id]

    # The server

    def info(self) -> dict[str, Any]:
        """The answer to `GET info`."""
        config = self.config
        held = {"kind": "folder", "images": 0}
        if self._datastore is not None:
            held = {"kind": self._datastore.kind, "images": self._datastore.count()}
        return {
            "protocol": 1,
            "version": __version__,
            "capabilities": list(KINDS),
            "models": [_model_info(name, engine) for name, engine in self._engines.items()],
            "label_models": [_label_model_info(loaded) for loaded in self._label_models.values()],
            "default_model": self._default_model,
            "device": self._engines[self._default_model].grounder.device.type,
            "queue": {"length": self.worker.lanes.waiting(), "limit": config.queue},
            "sessions": {"open": len(self.sessions), "limit": config.sessions},
            "limits": {
                "sentence_chars": limits.MAX_SENTENCE_CHARS,
                "report_chars": limits.MAX_REPORT_CHARS,
                "sentences": limits.MAX_SENTENCES,
                "part_bytes": config.part_bytes,
                "upload_bytes": config.upload_bytes,
                "sessions": config.sessions,
            },
            "datastore": held,
            "research_use": NOTICE,
        }

    def _reap_until_closed(self) -> None:
        while not self._stop.wait(self.config.reap_every_s):
            self.reap()


def _model_info(name: str, engine: Engine) -> dict[str, Any]:
    grid = engine.grounder.grid
    return {
        "name": name,
        "weights_sha256": engine.grounder.weights_sha256,
        "spacing_mm": list(grid.spacing_mm),
        "cell_mm": [mm * cell for mm, cell in zip(grid.spacing_mm, grid.cell, strict=True)],
        "antialias": grid.antialias,
        "calibrated": engine.grounder.calibration is not None,
        "card": MODELS[name].summary if name in MODELS else "weights of your own",
    }


def _label_model_info(loaded: LoadedUnetr) -> dict[str, Any]:
    return {"name": loaded.name, "weights_sha256": loaded.weights_sha256, "labels": list(loaded.config.labels)}


def build_service(
    engines: Mapping[str, Engine],
    default_model: str,
    *,
    runtime_dir: Path,
    config: ServiceConfig,
    datastore: StudySource | None,
    label_models: Mapping[str, LoadedUnetr] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Service:
    """Start a service. runtime_dir: private folder, purged at start; InputError when another server uses it.

    label_models: networks that draw labels and nothing else, by their names, which differ from the engines'.
    """
    service = Service(
        engines,
        default_model,
        label_models=label_models or {},
        runtime_dir=runtime_dir,
        config=config,
        datastore=datastore,
        clock=clock,
    )
    service.start()
    return service
