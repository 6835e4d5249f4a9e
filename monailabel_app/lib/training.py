"""Training runs of the server: what is learnt from, the process that does it, and how far it is, in MONAI Label's own terms."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from asap.errors import InputError
from asap.inference.learnt_labels import MAX_LABELS
from monailabel_app.lib.datastores import Datastore, FolderDatastore
from monailabel_app.lib.label_names import label_names

FINAL = "final"
FOLDER = ".asap-training"
DETAILS = 20
STOP_S = 30.0
MAX_STEPS = 100_000
Order = dict[str, Any]


def training_folder(datastore: Datastore) -> Path:
    """Where checkpoints, prepared cases and the head of a datastore lie. Raises InputError for an archive."""
    if not isinstance(datastore, FolderDatastore):
        raise InputError("Training learns from a folder of studies; this server stands before an archive.")
    return Path(datastore._datastore.image_path()) / FOLDER


def order_for(model: str, datastore: Datastore, *, steps: int, semi_supervised: bool) -> Order:
    """All images with a final label, and how their values are called, against those without. Raises InputError for none."""
    folder = training_folder(datastore)
    if not os.access(folder.parent, os.W_OK):
        raise InputError("Training keeps its checkpoints in the studies folder, which this server may not write.")
    named = {image: label_names(datastore.get_label_info(image, FINAL) or {}) for image in datastore.get_labeled_images()}
    labels = sorted({name for names in named.values() for name in names.values()})
    if not labels or len(labels) > MAX_LABELS:
        raise InputError(f"There is nothing to learn from: submit labels of at least one image ({MAX_LABELS} names at most).")
    labelled = [
        {
            "image": str(datastore.image_path(image)),
            "label": datastore.get_label_uri(image, FINAL),
            "numbers": [[value, 1 + labels.index(name)] for value, name in names.items()],
        }
        for image, names in named.items()
    ]
    return {
        "model": model,
        "labels": labels,
        "labelled": labelled,
        "unlabelled": [str(datastore.image_path(image)) for image in datastore.get_unlabeled_images()],
        "steps": steps,
        "semi_supervised": semi_supervised,
        "head": str(folder / model / "head"),
        "work": str(folder / model),
    }


class TrainingRuns:
    """At most one run at a time; the last ones' records. Methods may be called from any thread."""

    def __init__(self, finished: Callable[[str, dict[str, Any]], None]) -> None:
        """finished: told the model and the outcome of a run that came to its end."""
        self._finished = finished
        self._lock = threading.Lock()
        self._records: deque[dict[str, Any]] = deque(maxlen=16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        with self._lock:
            return self._process is not None

    def start(self, name: str, order: Order) -> dict[str, Any]:
        """Begin a run; its record. Raises InputError while another is under way."""
        record: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "status": "RUNNING",
            "request": {"model": name, "steps": order["steps"], "semi_supervised": order["semi_supervised"]},
            "learns_from": len(order["labelled"]),
            "start_ts": _now(),
            "details": deque(maxlen=DETAILS),
        }
        with self._lock:
            if self._process is not None:
                raise InputError("A training run is under way; stop it first, or wait for its end.")
            self._process = process = _child()
            self._records.append(record)
        threading.Thread(target=self._follow, args=(process, order, record), daemon=True, name="asap-training").start()
        return _shown(record)

    def ask_to_stop(self) -> subprocess.Popen[bytes] | None:
        """Tell the run to end after its step, without waiting for that; its process, None when there is none."""
        with self._lock:
            process = self._process
            if process is None:
                return None
            self._records[-1]["status"] = "STOPPED"
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        return process

    def stop(self) -> dict[str, Any] | None:
        """End the run after its step; the next start goes on there. Its record, None when there is none."""
        process = self.ask_to_stop()
        if process is None:
            return None
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        return self.records()[-1]

    def records(self) -> list[dict[str, Any]]:
        """Of all runs, the newest last."""
        with self._lock:
            return [_shown(record) for record in self._records]

    def _follow(self, process: subprocess.Popen[bytes], order: Order, record: dict[str, Any]) -> None:
        if process.stdin is None or process.stdout is None:
            return
        with process.stdin as pipe, suppress(OSError):
            pipe.write(json.dumps(order).encode())
        outcome: dict[str, Any] | None = None
        for line in process.stdout:
            with suppress(ValueError, TypeError):
                told = json.loads(line)
                outcome = told.get("outcome", outcome)
                record["details"].append(str(told.get("line") or told.get("refused") or "done")[:400])
        process.stdout.close()
        process.wait()
        try:
            if outcome is not None and outcome["finished"]:
                self._finished(record["request"]["model"], outcome)  # its head is in use before the run is said to be over
                record |= {"status": "DONE", "outcome": outcome}
            elif record["status"] == "RUNNING":
                record["status"] = "ERROR"
        finally:
            record["end_ts"] = _now()
            with self._lock:
                self._process = None


def _child() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return subprocess.Popen(
        [sys.executable, "-m", "monailabel_app.train_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "details": list(record["details"])}


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")
