"""What the lanes run: encoding a case, with a ladder for short memory, and answering a question step by step."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from asap.client.wire import to_json
from asap.errors import Cancelled, InputError
from asap.inference.engine import Engine
from asap.inference.features import FeatureCache, StudyFeatures
from asap.inference.memory import is_out_of_memory
from asap.models.load import PROCESSOR
from asap.volume import Volume
from monailabel_app.lib.turns import Work
from monailabel_app.server.answers import coverage_record
from monailabel_app.server.errands import Errand, Turn
from monailabel_app.server.jobs import ImageQuestion, Job
from monailabel_app.server.kinds.kind import Case, ImageCase, Steps
from monailabel_app.server.lanes import Lanes
from monailabel_app.server.log import where
from monailabel_app.server.service_config import ServiceConfig
from monailabel_app.server.service_errors import as_service_error, unprocessable
from monailabel_app.server.shelf import FeatureShelf
from monailabel_app.server.studies import Study

NOTICE = "Research use. AI-generated. Not for diagnosis."

log = logging.getLogger("asap.server")


class Worker:
    """Runs jobs on two lanes."""

    def __init__(self, engines: Mapping[str, Engine], config: ServiceConfig) -> None:
        self.shelf = FeatureShelf(config.feature_memory_bytes)
        self.lanes = Lanes(limit=config.queue, yield_s=config.yield_s, run_image=self._run_image, run_text=self._run_text)
        self.engines = engines
        self._open: tuple[Study, Volume] | None = None

    def release(self, study: Study) -> None:
        """Forget a study that was closed; an upload's features go from memory and disk."""
        if self._open is not None and self._open[0] is study:
            self._open = None
        for model, features in self.shelf.drop(study):
            if study.owner is not None:
                self.engines[model].forget(study.owner, features.identity)

    def submit(self, job: Job, open_sessions: Collection[str]) -> None:
        """Queue a job. 429 queue_full."""
        self.lanes.submit(job, encoded=self.is_for_text(job), open_sessions=open_sessions)

    def run_errand(self, work: Work, open_sessions: Collection[str]) -> None:
        """Do the work of a stock client in its turn and wait for it. 429 queue_full; raises what it failed with."""
        errand = Errand(work)
        self.lanes.submit(errand, encoded=work.encoded(), open_sessions=open_sessions)
        errand.wait()

    def is_for_text(self, job: Turn) -> bool:
        """Whether the text lane can answer the job now: it is no heavy work, and its case is encoded as it needs it."""
        if isinstance(job, Errand) or job.question.lane != "text":
            return False
        return self.shelf.find(job.study, job.question.model, fine=job.question.fine) is not None

    def _run_image(self, job: Turn) -> bool:
        if isinstance(job, Errand):
            return self._run(job, lambda: self._encode_errand(job))
        return self._run(job, lambda: self._work_on_image(job))

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

    def _work_on_image(self, job: Job) -> bool:
        question = job.question
        if isinstance(question, ImageQuestion):
            return self._work_on_whole(job, question)
        started = time.perf_counter()
        features = self._features(job)
        job.encode_s = time.perf_counter() - started
        self.lanes.promote(self.is_for_text)
        if job.question.lane == "text":
            self.lanes.to_text(job)
            return True
        return self._to_the_end(job, self._begin(job, features))

    def _work_on_whole(self, job: Job, question: ImageQuestion) -> bool:
        """A network of its own on the whole image; where memory is short, once more with other cases put away."""
        for last in (False, True):
            try:
                return self._to_the_end(job, question.answer(ImageCase(**self._image_of(job))))
            except Exception as error:  # the next try is outside the handler, whose traceback keeps what this one held
                if last or not is_out_of_memory(error):
                    raise
            self._make_room(job)
        raise AssertionError("the last try returns or raises")

    def _to_the_end(self, job: Job, steps: Steps) -> bool:
        while not self._step(job, steps):
            self.lanes.give_way(job)
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
        features = self._encode_in_memory(job, volume)
        engine = self.engines[question.model]
        study.coverage = coverage_record(engine, features)
        if not self.shelf.add(study, question.model, features) and study.owner is not None:
            engine.forget(study.owner, features.identity)  # released meanwhile
        return features

    def _encode_in_memory(self, job: Job, volume: Volume) -> StudyFeatures:
        """The ladder for short memory: as ever; with other cases put away and in small pieces; without the GPU."""
        grounder = self.engines[job.question.model].grounder
        rungs = ["as ever", "in small pieces"] + ["on the processor"] * (grounder.device != PROCESSOR)
        for rung in rungs:
            if rung == "in small pieces":
                self._make_room(job)
            elif rung == "on the processor":
                job.notice("out_of_memory", "The GPU's memory is too short: from now on the processor encodes, more slowly.")
                grounder.place(PROCESSOR)
            try:
                return self._encode(job, volume, frugal=rung == "in small pieces")
            except Exception as error:  # the next rung is outside the handler, whose traceback keeps what the attempt held
                if rung == rungs[-1] or not is_out_of_memory(error):
                    raise
        raise AssertionError("the last rung returns or raises")

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
        """Every other case is put away; the caller tries again, in small pieces where it can."""
        job.notice("out_of_memory", "Memory is short: other cases were put away and this one is tried again, more slowly.")
        self.shelf.drop_others(job.study)
        for engine in self.engines.values():
            engine.cases = FeatureCache()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _answer_some(self, job: Job) -> bool:
        """The next step of an answer; True when this lane has no more to do for it."""
        steps = job.steps
        if steps is None:
            features = self.shelf.find(job.study, job.question.model, fine=job.question.fine)
            if features is None:  # put away since it was queued
                self.lanes.to_image(job)
                return True
            steps = job.steps = self._begin(job, features)
        over = self._step(job, steps) or job.cancel.is_set()
        if over:
            job.steps = None  # also when it was cancelled before its steps were kept
        return over

    def _begin(self, job: Job, features: StudyFeatures) -> Steps:
        engine = self.engines[job.question.model]
        return job.question.answer(Case(engine=engine, features=features, encode_s=job.encode_s, **self._image_of(job)))

    def _image_of(self, job: Job) -> dict[str, Any]:
        """The fields of an `ImageCase`."""
        waits = self.lanes.give_way if job.question.lane == "image" else self.lanes.check
        return {
            "volume": lambda: self._open_volume(job),
            "series": lambda: job.study.series(lambda: self.lanes.check(job)),
            "revisions": job.study.revisions,
            "progress": job.progress,
            "pause": lambda: waits(job),
        }

    def _open_volume(self, job: Job) -> Volume:
        """The voxels of a job's study: of the study last asked about they are still there, for the next click."""
        held = self._open
        if held is not None and held[0] is job.study:
            return held[1]
        volume = job.study.volume(lambda: self.lanes.check(job))
        self._open = (job.study, volume)
        if job.study.closed:
            self._open = None
        return volume

    def _step(self, job: Job, steps: Steps) -> bool:
        """One step of a job's answer; True when it is complete."""
        try:
            next(steps)
        except StopIteration as end:
            question = job.question
            if isinstance(question, ImageQuestion):
                digest = question.weights_sha256
            else:
                digest = self.engines[question.model].grounder.weights_sha256
            model = {"name": question.model, "weights_sha256": digest}
            head = {"task": job.question.task, "study": job.study.id, "model": model, "notice": NOTICE}
            job.done(to_json(head | end.value))
            return True
        return False
