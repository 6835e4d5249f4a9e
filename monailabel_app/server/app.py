"""The ASGI application: MONAI Label's own, with our routes in place of its blocking ones, inside the guards.

`application` is what `asap serve` runs; `app`, built when it is first asked for, is the same for MONAI Label's launcher
(`--uvicorn_app monailabel_app.server.app:app`). The order matters: MONAI Label reads its settings when its modules are first
imported, and its routers are copied into its application when that is built.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from asap.errors import AsapError
from asap.inference.feature_store import FeatureStore
from asap.torchvision_guard import guard_torchvision
from monailabel_app.lib.lean_monai import import_monai
from monailabel_app.server.auth import Tokens
from monailabel_app.server.guards import Application, Guards
from monailabel_app.server.settings import GUARDED, ServerSettings

APP_FOLDER = Path(__file__).parents[1]


def __getattr__(name: str) -> Application:
    if name != "app":
        raise AttributeError(name)
    from monailabel_app.server.launched import launched_application  # noqa: PLC0415 - only where a launcher asks for it

    try:
        globals()["app"] = built = launched_application()
    except AsapError as error:  # uvicorn would show a trace
        print(f"asap: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from error
    return built


def application(settings: ServerSettings, tokens: Tokens, runtime: Path) -> Guards:
    """Build everything. runtime: this process's private folder. Raises AsapError."""
    guard_torchvision()
    import_monai()
    _configure_monailabel(settings, runtime)
    from monailabel_app.server.stock_routes import replace_routes  # noqa: PLC0415 - after the settings

    replace_routes()
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its origins
        from monailabel.app import app  # noqa: PLC0415 - after the routes
    _add_service(app, settings, tokens, runtime)
    return Guards(app, settings, tokens)


def _configure_monailabel(settings: ServerSettings, runtime: Path) -> None:
    from monailabel.config import settings as stock  # noqa: PLC0415

    studies = settings.studies
    if studies is None:
        (runtime / "studies").mkdir(mode=0o700)
        studies = str(runtime / "studies")
    stock.MONAI_LABEL_APP_DIR = str(APP_FOLDER)
    stock.MONAI_LABEL_STUDIES = studies.rstrip("/") if settings.dicomweb else str(Path(studies).resolve())
    stock.MONAI_LABEL_APP_CONF = {"models": ",".join(settings.models), GUARDED: "yes"}
    stock.MONAI_LABEL_SERVER_PORT = settings.port
    stock.MONAI_LABEL_SESSION_PATH = str(runtime / "stock-sessions")
    stock.MONAI_LABEL_DICOMWEB_CACHE_PATH = str(runtime / "dicom")
    stock.MONAI_LABEL_AUTH_ENABLE = False  # its Keycloak accepts no token; ours stand in front
    stock.MONAI_LABEL_TRACKING_ENABLED = False
    stock.MONAI_LABEL_AUTO_UPDATE_SCORING = False
    stock.MONAI_LABEL_TASKS_BATCH_INFER = False


def _add_service(app: FastAPI, settings: ServerSettings, tokens: Tokens, runtime: Path) -> None:
    from monailabel.interfaces.utils.app import app_instance  # noqa: PLC0415

    from monailabel_app.lib.datastores import DatastoreStudies  # noqa: PLC0415
    from monailabel_app.lib.engines import engines, label_models  # noqa: PLC0415
    from monailabel_app.server.faults import answer_faults  # noqa: PLC0415
    from monailabel_app.server.routes import asap_router  # noqa: PLC0415
    from monailabel_app.server.service import build_service  # noqa: PLC0415
    from monailabel_app.server.service_config import ServiceConfig  # noqa: PLC0415
    from monailabel_app.server.stock_auth import auth_router  # noqa: PLC0415

    loaded = engines(settings.models)
    store = FeatureStore(settings.cache or runtime / "features")
    for engine in loaded.values():
        engine.store = store
    datastore = None if settings.studies is None else DatastoreStudies(lambda: app_instance().datastore())
    service = build_service(
        loaded,
        next(iter(loaded)),
        label_models=label_models(settings.models),
        runtime_dir=runtime / "service",
        config=ServiceConfig(sessions=settings.sessions),
        datastore=datastore,
    )
    app_instance().turns = service.run_errand
    app.include_router(asap_router(service))
    app.include_router(auth_router(tokens))
    answer_faults(app)
    stock_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[None]:
        try:
            async with stock_lifespan(started):
                yield
        finally:
            service.close()
            app_instance().runs.ask_to_stop()
            app_instance().datastore().close()

    app.router.lifespan_context = lifespan
