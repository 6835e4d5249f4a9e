"""What the lanes run: encoding a case, with a ladder for short memory, and answering sentences a few at a time."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping

import torch

from asap.client.wire import to_json
from asap.errors import Cancelled, InputError
from asap.inference.engine import Engine
from asap.inference.features import FeatureCache, StudyFeatures
from asap.inference.memory import is_out_of_memory
from asap.volume import Volume
from monailabel_app.lib.turns import Work
from monailabel_app.server.answers import answer_record
from monailabel_app.server.errands import Errand, Turn
from monailabel_app.server.jobs import Job
from monailabel_app.server.lanes import Lanes
from monailabel_app.server.log import where
from monailabel_app.server.service_config import ServiceConfig
from monailabel_app.server.service_errors import as_service_error, unprocessable
from monailabel_app.server.shelf import FeatureShelf
from monailabel_app.server.studies import Study

NOTICE = "Research use. AI-generated. Not for diagnosis."
SENTENCES_AT_ONCE = 16  # a report of this length is one pass of the text encoder; longer ones let others in between

log = logging.getLogger("asap.server")


class Worker:
    """Runs jobs on two lanes."""

    def __init__(self, engines: Mapping[str, Engine], config: ServiceConfig) -> None:
        self.shelf = FeatureShelf(config.feature_memory_bytes)
        self.lanes = Lanes(limit=config.queue, yield_s=config.yield_s, run_image=self._run_image, run_text=self._run_text)
        self.engines = engines

    def release(self, study: Study) -> None:
        """Forget a study that was closed; an upload's features go from memory and disk."""
        for model, features in self.shelf.drop(study):
            if study.owner is not None:
                self.engines[model].forget(study.owner, features.identity)

    def submit(self, job: Job, open_sessions: Collection[str]) -> None:
        """Queue a job. 429 queue_full."""
        self.lanes.submit(job, encoded=self.is_encoded(job), open_sessions=open_sessions)

    def run_errand(self, work: Work, open_sessions: Collection[str]) -> None:
        """Do the work of a stock client in its turn and wait for it. 429 queue_full; raises what it failed with."""
        errand = Errand(work)
        self.lanes.submit(errand, encoded=work.encoded(), open_sessions=open_sessions)
        errand.wait()

    def is_encoded(self, job: Turn) -> bool:
        """Whether the job's case is encoded as it needs it."""
        if isinstance(job, Errand):
            return False
        return self.shelf.find(job.study, job.question.model, fine=job.question.fine) is not None

    def _run_image(self, job: Turn) -> bool:
        if isinstance(job, Errand):
            return self._run(job, lambda: self._encode_errand(job))
        return self._run(job, lambda: self._encode_case(job))

    def _run_text(self, job: Turn) -> bool:
        if isinstance(job, Errand):
            return self._run(job, job.answer_some)
        return self._run(job, lambda: self._answer_some(job))

    def _run(self, job: Turn, step: Callable[[], bool]) -> bool:
        """One step of a job: whatever goes wrong is that job's answer, and the lane goes on."""
        try:
            return step()
        except Cancelled:
            job.cancelled()
        except Exception as error:
            answer = as_service_error(error)
            job.failed(answer)
            if answer.status >= 500:
                log.error("job failed: %s %s: %s", answer.code, answer.id, where(error))
        return True

    def _encode_errand(self, errand: Errand) -> bool:
        errand.encode(lambda: self.lanes.give_way(errand))
        self.lanes.to_text(errand)
        return True

    def _encode_case(self, job: Job) -> bool:
        started = time.perf_counter()
        features = self._features(job)
        self.lanes.promote(self.is_encoded)
        if job.question.task == "ground":
            self.lanes.to_text(job)
        else:
            self._finish_encode(job, features, time.perf_counter() - started)
        return True

    def _features(self, job: Job) -> StudyFeatures:
        study, question = job.study, job.question
        known = self.shelf.find(study, question.model, fine=question.fine)
        if known is not None:
            return known
        job.progress("reading the volume", 0.0)
        try:
            volume = study.volume(lambda: self.lanes.check(job))
        except InputError as error:
            raise unprocessable(str(error), "bad_volume") from error
        self.lanes.give_way(job)
        try:
            features = self._encode(job, volume, frugal=False)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            features = None
        if features is None:  # outside the handler, whose traceback would keep the memory of the failed attempt
            self._make_room(job)
            features = self._encode(job, volume, frugal=True)
        engine = self.engines[question.model]
        corners = engine.coverage_corners_ras_mm(features)
        study.coverage = {"model": question.model, "corner_ras_mm": corners.round(2).tolist()}
        if not self.shelf.add(study, question.model, features) and study.owner is not None:
            engine.forget(study.owner, features.identity)  # released meanwhile
        return features

    def _encode(self, job: Job, volume: Volume, *, frugal: bool) -> StudyFeatures:
        return self.engines[job.question.model].encode(
            volume,
            fine=job.question.fine,
            owner=job.study.owner,
            frugal=frugal,
            progress=job.progress,
            between_blocks=lambda: self.lanes.give_way(job),
        )

    def _make_room(self, job: Job) -> None:
        """The ladder for short memory: every other case is put away; the caller goes on in small pieces."""
        job.notice("out_of_memory", "Memory is short: other cases were put away and this one is tried again, more slowly.")
        self.shelf.drop_others(job.study)
        for engine in self.engines.values():
            engine.cases = FeatureCache()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _answer_some(self, job: Job) -> bool:
        """Answer the next few sentences; True when all are."""
        question = job.question
        features = self.shelf.find(job.study, question.model, fine=question.fine)
        if features is None:  # put away since it was queued
            self.lanes.to_image(job)
            return True
        if question.task == "encode":
            self._finish_encode(job, features, 0.0)
            return True
        first = len(job.answers)
        sentences = question.sentences[first : first + SENTENCES_AT_ONCE]
        groundings = self.engines[question.model].ground(features, sentences)
        job.answers += [answer_record(g, fine=question.fine, in_report=question.in_report) for g in groundings]
        job.progress("answering", len(job.answers) / len(question.sentences))
        if len(job.answers) < len(question.sentences):
            return job.cancel.is_set()
        head = {"task": "ground", "study": job.study.id, "model": self._model(question.model), "notice": NOTICE}
        job.done(to_json(head | {"sentences": job.answers}))
        return True

    def _finish_encode(self, job: Job, features: StudyFeatures, seconds: float) -> None:
        head = {"task": "encode", "study": job.study.id, "model": self._model(job.question.model)}
        rest = {"seconds": round(seconds, 3), "identity": features.identity, "coverage": job.study.coverage}
        job.done(to_json(head | rest))

    def _model(self, name: str) -> dict[str, str]:
        return {"name": name, "weights_sha256": self.engines[name].grounder.weights_sha256}
