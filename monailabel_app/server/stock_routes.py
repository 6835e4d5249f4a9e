"""MONAI Label's routes as they should be: off the event loop, and taking only what is written down.

Its handlers are `async def` around blocking work, so that one inference stops the whole server; as plain functions they run on
threads. Those that take names, files or free parameters from a request are replaced by the ones in `stock_infer`,
`stock_sessions` and `stock_datastore`. All this happens before MONAI Label's application is built: afterwards its routers are
copies.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from monailabel.endpoints import activelearning, batch_infer, datastore, infer, info, model, proxy, scoring, session, train
from monailabel.interfaces.utils import app as stock_apps
from monailabel.interfaces.utils.app import app_instance

from monailabel_app.server import stock_datastore, stock_infer, stock_proxy, stock_scoring, stock_sessions, stock_train
from monailabel_app.server.service_errors import ServiceError

Handler = Callable[..., Any]


def replace_routes() -> None:
    """Change MONAI Label's routers in place. Call once, before `monailabel.app` is imported."""
    for module in (info, activelearning, batch_infer, datastore, model, scoring, train):
        _run_on_threads(module.router)
    _replace(infer.router, {("POST", "/infer/{model}"): stock_infer.run_inference})
    _replace(
        session.router,
        {
            ("PUT", "/session/"): stock_sessions.create_session,
            ("GET", "/session/{session_id}"): stock_sessions.get_session,
            ("DELETE", "/session/{session_id}"): stock_sessions.remove_session,
        },
    )
    _replace(
        datastore.router,
        {
            ("GET", "/datastore/"): stock_datastore.contents,
            ("PUT", "/datastore/"): stock_datastore.add_image,
            ("PUT", "/datastore/image"): stock_datastore.add_image,
            ("HEAD", "/datastore/image"): stock_datastore.check_image,
            ("PUT", "/datastore/image/info"): stock_datastore.update_image_info,
            ("PUT", "/datastore/label"): stock_datastore.save_label,
            ("PUT", "/datastore/label/info"): stock_datastore.update_label_info,
            ("PUT", "/datastore/updatelabelinfo"): stock_datastore.update_label_info_of_old,
            ("GET", "/datastore/dataset"): stock_datastore.download_dataset,
        },
    )
    _replace(
        proxy.router,
        {
            ("GET", "/proxy/dicom/wado/{path:path}"): stock_proxy.ask_wado,
            ("GET", "/proxy/dicom/qido/{path:path}"): stock_proxy.ask_qido,
            ("GET", "/proxy/dicom/{path:path}"): stock_proxy.ask_any,
        },
    )
    # What POST /reload calls. MONAI Label's own runs the files of the app's folder again.
    stock_apps.clear_cache = lambda: app_instance().rebuild()
    _replace(
        train.router,
        {
            ("GET", "/train/"): stock_train.training_status,
            ("POST", "/train/"): stock_train.start_first,
            ("POST", "/train/{model}"): stock_train.start_training,
            ("DELETE", "/train/"): stock_train.stop_training,
        },
    )
    _replace(
        scoring.router,
        {
            ("GET", "/scoring/"): stock_scoring.scoring_status,
            ("POST", "/scoring/{method}"): stock_scoring.start_scoring,
            ("DELETE", "/scoring/"): stock_scoring.stop_scoring,
        },
    )
    _replace(activelearning.router, {("POST", "/activelearning/{strategy}"): _next_sample})


def _next_sample(strategy: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """The study to label next, without its place on this machine. Of the parameters only the client's name is kept."""
    if strategy not in app_instance().info()["strategies"]:
        raise ServiceError(404, "not_found", "The server has no such strategy.")
    client = (params or {}).get("client_id")
    named = {"client_id": client} if isinstance(client, str) and len(client) <= 100 else {}
    sample: dict[str, Any] = activelearning.sample(strategy, named, "user")
    return {key: value for key, value in sample.items() if key != "path"}


def _replace(router: APIRouter, handlers: dict[tuple[str, str], Handler]) -> None:
    """Put these handlers in the place of the router's own. Raises LookupError where MONAI Label has no such route."""
    for (method, path), handler in handlers.items():
        old = next((r for r in router.routes if isinstance(r, APIRoute) and r.path == path and method in (r.methods or ())), None)
        if old is None:
            raise LookupError(f"MONAI Label has no route {method} {path}.")
        router.routes.remove(old)
        router.add_api_route(path.removeprefix(router.prefix), handler, methods=[method], response_model=None)


def _run_on_threads(router: APIRouter) -> None:
    """Turn every coroutine handler, none of which ever waits, into a plain function of the same signature."""
    for route in [route for route in router.routes if isinstance(route, APIRoute)]:
        if inspect.iscoroutinefunction(route.endpoint):
            router.routes.remove(route)
            router.add_api_route(
                route.path.removeprefix(router.prefix),
                _plain(route.endpoint),
                methods=sorted(route.methods or ()),
                include_in_schema=route.include_in_schema,
                response_model=None,
            )


def _plain(endpoint: Callable[..., Coroutine[Any, Any, Any]]) -> Handler:
    def handler(**arguments: Any) -> Any:
        coroutine = endpoint(**arguments)
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
        coroutine.close()
        raise RuntimeError("A handler of MONAI Label waits; it cannot run on a thread.")

    handler.__name__ = endpoint.__name__
    handler.__signature__ = inspect.signature(endpoint)  # type: ignore[attr-defined]
    return handler
