"""Jobs over HTTP: asking, watching, fetching, cancelling."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from monailabel_app.server.asap_route import AsapRoute, JobId, SessionId, StudyId, refusals
from monailabel_app.server.event_stream import event_lines, wait_until_ended
from monailabel_app.server.kinds.catalog import JobDone, JobRequest, JobResult
from monailabel_app.server.schemas import JobAnswer, JobState
from monailabel_app.server.service import Service

NDJSON = {
    "description": "One event a line, from the first: queued, started, progress, notice, alive; last done, failed or cancelled.",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}


def job_routes(service: Service) -> APIRouter:
    """Routes of jobs."""
    router = APIRouter(route_class=AsapRoute)

    @router.post(
        "/studies/{study_id}/jobs",
        status_code=202,
        response_model=JobAnswer,
        responses={200: {"model": JobDone, "description": "Done within wait_s."}, **refusals(400, 404, 409, 422, 429)},
    )
    async def ask(session_id: SessionId, study_id: StudyId, question: JobRequest, request: Request) -> Response:
        """Queue a job. One with wait_s is answered here when it is done in time; who goes away meanwhile cancels it."""
        with service.sessions.using(session_id) as session:
            job = await run_in_threadpool(service.submit, session, study_id, question)
            if question.wait_s > 0:
                if not await wait_until_ended(job, question.wait_s, request.is_disconnected):
                    service.abandon(job)
                if job.state == "done":
                    body = b'{"job":"%s","state":"done","result":%s}' % (job.id.encode(), job.result())
                    return Response(body, media_type="application/json")
        described = job.described()
        return JSONResponse({key: described[key] for key in ("job", "state", "position")}, 202)

    @router.get("/jobs/{job_id}", response_model=JobState, responses=refusals(404, 422))
    def job_state(session_id: SessionId, job_id: JobId) -> dict[str, Any]:
        """How far a job is."""
        with service.sessions.using(session_id) as session:
            return service.job(session, job_id).described()

    @router.get("/jobs/{job_id}/events", response_class=StreamingResponse, responses={200: NDJSON, **refusals(404, 422, 429)})
    async def job_events(session_id: SessionId, job_id: JobId) -> StreamingResponse:
        """The events of a job as they come. A stream that breaks off cancels the job unless it is asked for again at once."""
        session = service.sessions.get(session_id)
        service.check_streams(session)
        lines = event_lines(service, session, service.job(session, job_id))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @router.get(
        "/jobs/{job_id}/result",
        response_model=JobResult,
        responses=refusals(404, 409, 413, 422, 503, 507),
    )
    def job_result(session_id: SessionId, job_id: JobId) -> Response:
        """The answer of a job, or the error it failed with."""
        with service.sessions.using(session_id) as session:
            return Response(service.job(session, job_id).result(), media_type="application/json")

    @router.delete("/jobs/{job_id}", status_code=204, responses=refusals(404, 422))
    def cancel_job(session_id: SessionId, job_id: JobId) -> Response:
        """Cancel a job; one that ended stays as it is."""
        with service.sessions.using(session_id) as session:
            service.cancel(session, job_id)
        return Response(status_code=204)

    return router
