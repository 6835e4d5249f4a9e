"""`/scoring/` for stock clients: one run at a time, its record in MONAI Label's form, its notes in the datastore."""

from __future__ import annotations

from typing import Any

from monailabel.interfaces.utils.app import app_instance

from monailabel_app.server.service_errors import ServiceError, conflict


def start_scoring(method: str, params: dict[str, Any] | None = None, run_sync: bool = False) -> dict[str, Any]:
    """Begin to score with one of the methods of /info/."""
    app = app_instance()
    if method not in app.info()["scoring"]:
        raise ServiceError(404, "not_found", "The server has no such scoring method; see the scoring of /info/.")
    if run_sync or set(params or {}) - {"client_id"}:
        raise ServiceError(422, "unprocessable", "Scoring takes no parameters and runs in the background: ask GET /scoring/.")
    if app.scoring_runs.running:
        raise conflict("A scoring run is under way; stop it first, or wait for its end.")
    record: dict[str, Any] = app.scoring_runs.start(method, app.scoring_method(method), app.datastore())
    return record


def stop_scoring() -> dict[str, Any]:
    """End the run under way after its image."""
    record: dict[str, Any] | None = app_instance().scoring_runs.stop()
    if record is None:
        raise ServiceError(404, "not_found", "No scoring run is under way.")
    return record


def scoring_status(all: bool = False, check_if_running: bool = False) -> Any:
    """The newest run's record, or all of them; 404 when there is none, or none under way where only that is asked."""
    runs = app_instance().scoring_runs
    records = runs.records()
    if not records or (check_if_running and not runs.running):
        raise ServiceError(404, "not_found", "No scoring run is under way." if check_if_running else "There was no scoring run.")
    return records if all else records[-1]
