"""`/train/` for stock clients: one run at a time in a process of its own, two parameters, its record in MONAI Label's form."""

from __future__ import annotations

from typing import Any

from monailabel.interfaces.utils.app import app_instance

from monailabel_app.lib.training import MAX_STEPS
from monailabel_app.server.service_errors import ServiceError, conflict

# What MONAI Label's clients add on their own; none of it changes a run.
IGNORED_KEYS = frozenset({"client_id", "model", "name", "device", "gpus", "max_epochs", "pretrained", "dataset", "description"})


def start_training(model: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Begin to learn from the labels submitted so far."""
    app = app_instance()
    if model not in app.info()["trainers"]:
        raise ServiceError(404, "not_found", "The server trains no such model; see the trainers of /info/.")
    asked = {key: value for key, value in (params or {}).get(model, params or {}).items() if key not in IGNORED_KEYS}
    steps, semi = asked.pop("steps", None), asked.pop("semi_supervised", False)
    if asked or not isinstance(semi, bool) or not (steps is None or (type(steps) is int and 1 <= steps <= MAX_STEPS)):
        raise ServiceError(422, "unprocessable", f"Parameters may be: steps (1 to {MAX_STEPS}), semi_supervised (true or false).")
    if app.runs.running:
        raise conflict("A training run is under way; stop it first, or wait for its end.")
    wanted = {"semi_supervised": semi} | ({} if steps is None else {"steps": steps})
    record: dict[str, Any] = app.trainer(model)(wanted, app.datastore())
    return record


def start_first(params: dict[str, Any] | None = None) -> dict[str, Any]:
    """What clients ask that name no model: one run at a time, so that it is the first model's."""
    name = next(iter(app_instance().info()["trainers"]))
    return {name: {"result": start_training(name, params), "detail": None}}


def stop_training() -> dict[str, Any]:
    """End the run under way after its step; the next start goes on there."""
    record: dict[str, Any] | None = app_instance().runs.stop()
    if record is None:
        raise ServiceError(404, "not_found", "No training run is under way.")
    return record


def training_status(all: bool = False, check_if_running: bool = False) -> Any:
    """The newest run's record, or all of them; 404 when there is none, or none under way where only that is asked."""
    runs = app_instance().runs
    records = runs.records()
    if not records or (check_if_running and not runs.running):
        raise ServiceError(
            404, "not_found", "No training run is under way." if check_if_running else "There was no training run."
        )
    return records if all else records[-1]
