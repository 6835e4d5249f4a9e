"""Studies and the parts of uploads over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from asap import limits
from monailabel_app.server.asap_route import AsapRoute, SessionId, StudyId, refusals
from monailabel_app.server.part_body import PartReceiver
from monailabel_app.server.schemas import PartAnswer, StudyAnswer, StudyRequest, StudyState
from monailabel_app.server.service import Service

RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
PartNumber = Annotated[int, Path(ge=0, lt=limits.MAX_UPLOAD_PARTS)]


def study_routes(service: Service) -> APIRouter:
    """Routes below /studies but those of jobs."""
    router = APIRouter(route_class=AsapRoute)
    parts = PartReceiver(service.config)

    @router.post(
        "/studies",
        status_code=201,
        response_model=StudyAnswer,
        responses={
            200: {"model": StudyAnswer, "description": "Declared before: the same study."},
            **refusals(400, 404, 409, 422, 507),
        },
    )
    def open_study(session_id: SessionId, request: StudyRequest, response: Response) -> dict[str, Any]:
        """Open a study of the server's archive, or declare an upload. The same declaration again finds the same study."""
        with service.sessions.using(session_id) as session:
            study, new = service.open(session, request)
            response.status_code = 201 if new else 200
            return study.declared()

    @router.get("/studies/{study_id}", response_model=StudyState, responses=refusals(404, 422))
    def study_state(session_id: SessionId, study_id: StudyId) -> dict[str, Any]:
        """What the server has of a study."""
        with service.sessions.using(session_id) as session:
            return service.described(service.study(session, study_id))

    @router.delete("/studies/{study_id}", status_code=204, responses=refusals(404, 422))
    def close_study(session_id: SessionId, study_id: StudyId) -> Response:
        """Release a study: its jobs are cancelled, an upload's file and features removed."""
        with service.sessions.using(session_id) as session:
            service.close_study(session, study_id)
        return Response(status_code=204)

    @router.put(
        "/studies/{study_id}/parts/{number}",
        response_model=PartAnswer,
        responses=refusals(404, 409, 422, 429, 507),
        openapi_extra=RAW_BODY,
    )
    async def put_part(session_id: SessionId, study_id: StudyId, number: PartNumber, request: Request) -> dict[str, Any]:
        """Send one part, in any order, again if in doubt. With the last one the sha256 is compared."""
        with service.sessions.using(session_id) as session:
            upload = (await run_in_threadpool(service.study, session, study_id)).upload
            return {"missing": await parts.receive(request, session, upload, number)}

    return router
