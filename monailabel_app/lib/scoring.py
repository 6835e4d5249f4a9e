"""Scoring tasks: what the head that was taught makes of each image, noted in the datastore where every client reads it."""

from __future__ import annotations

import threading
import uuid
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from monailabel.interfaces.tasks.scoring import ScoringMethod
from torch import Tensor

from asap.errors import AsapError, Cancelled, InputError
from asap.inference.engine import Engine
from asap.inference.learnt_labels import LearntLabels, nearest_labels, network_cells, network_image, uncertainty
from asap.io.read import read_labels
from asap.pause import Pause
from asap.segmentation import dice
from asap.volume import Affine
from monailabel_app.lib.datastores import Datastore, FolderDatastore
from monailabel_app.lib.label_names import label_names
from monailabel_app.lib.learnt_heads import LearntHead
from monailabel_app.lib.open_case import OpenCase
from monailabel_app.lib.training import FINAL
from monailabel_app.lib.turns import Turns

DETAILS = 20
Said = Callable[[str], bool]  # takes a line of progress; True: stop


class ScoreWork:
    """One image on the image lane. share_CHWD, affine: what the head says on the network's voxels; None for no readable chest."""

    def __init__(self, case: OpenCase, path: Path, engine: Engine, head: LearntLabels) -> None:
        self._case, self._path, self._engine, self._head = case, path, engine, head
        self.answer: tuple[Tensor, Affine] | None = None

    def encoded(self) -> bool:
        """Never: also an open case is worked on on the image lane."""
        return False

    def encode(self, pause: Pause) -> None:
        """Read, encode and segment the case."""
        try:
            held = self._case.open(self._path, private=False, pause=pause)
        except Cancelled:
            raise
        except AsapError:
            return
        pause()
        image, affine = network_image(held.volume.reoriented_to_ras(), held.features, self._engine.grounder.grid)
        self.answer = self._head.shares(image, network_cells(held.features)), affine

    def answer_some(self) -> bool:
        """All was done."""
        return True


class LearntScoring(ScoringMethod):  # type: ignore[misc]
    """What both methods share: the head in use, image after image, a note on each; other requests go between the images."""

    key = ""

    def __init__(self, description: str, engine: Engine, learnt: LearntHead, turns: Turns) -> None:
        super().__init__(description)
        self._engine, self._learnt, self._turns = engine, learnt, turns

    def require(self, datastore: Datastore) -> LearntLabels:
        """The head in use. Raises InputError where there is none, or where nothing can be noted."""
        if isinstance(datastore, FolderDatastore) and datastore.read_only:
            raise InputError("The studies folder can only be read here: scores cannot be noted in it.")
        head = self._learnt.head
        if head is None:
            raise InputError("Nothing was taught yet: submit labels and start training.")
        return head

    def __call__(self, request: dict[str, Any], datastore: Datastore, said: Said = lambda _: False) -> dict[str, Any]:
        """Score all images the method is for; {image: score}. said: told how far it is. Raises InputError."""
        head, case = self.require(datastore), OpenCase(self._engine)
        images, scores = self.images(datastore), {}
        for number, image in enumerate(images, start=1):
            if said(f"scoring {number}/{len(images)}"):
                break
            work = ScoreWork(case, datastore.image_path(image), self._engine, head)
            self._turns(work)
            info = None if work.answer is None else self.note(head, *work.answer, image, datastore)
            if info is not None:
                datastore.update_image_info(image, {**info, f"{self.key}_model_sha256": head.weights_sha256})
                scores[image] = info[self.key]
        said(f"{len(scores)} of {len(images)} images scored")
        return scores

    @abstractmethod
    def images(self, datastore: Datastore) -> list[str]:
        """Ids of the images the method is for."""

    @abstractmethod
    def note(
        self, head: LearntLabels, share_CHWD: Tensor, affine: Affine, image: str, datastore: Datastore
    ) -> dict[str, Any] | None:
        """What is noted of an image; None where nothing can be said."""


class DiceScoring(LearntScoring):
    """The model against the labels that were submitted."""

    key = "dice"

    def images(self, datastore: Datastore) -> list[str]:
        """Those with a final label."""
        labelled: list[str] = datastore.get_labeled_images()
        return labelled

    def note(
        self, head: LearntLabels, share_CHWD: Tensor, affine: Affine, image: str, datastore: Datastore
    ) -> dict[str, Any] | None:
        """Dice of each label both know, and their mean."""
        names = label_names(datastore.get_label_info(image, FINAL) or {})
        labels, label_affine = read_labels(Path(datastore.get_label_uri(image, FINAL)))
        truth = nearest_labels(labels, label_affine, share_CHWD.shape[1:], affine)  # type: ignore[arg-type]
        answer = share_CHWD.argmax(dim=0).numpy()
        each = {
            name: round(dice(answer == 1 + head.labels.index(name), truth == value), 4)
            for value, name in names.items()
            if name in head.labels
        }
        return {"dice": round(float(np.mean(list(each.values()))), 4), "dice_of_labels": each} if each else None


class UncertaintyScoring(LearntScoring):
    """How unsure the model is of what nobody has labelled: what the strategies `uncertainty` and `combined` read."""

    key = "uncertainty"

    def images(self, datastore: Datastore) -> list[str]:
        """Those without a label."""
        unlabelled: list[str] = datastore.get_unlabeled_images()
        return unlabelled

    def note(self, head: LearntLabels, share_CHWD: Tensor, affine: Affine, image: str, datastore: Datastore) -> dict[str, Any]:
        """0 to 1."""
        return {"uncertainty": round(uncertainty(share_CHWD), 4)}


def scoring_methods(engine: Engine, learnt: LearntHead, turns: Turns) -> dict[str, LearntScoring]:
    """What `/info` lists."""
    return {
        "dice": DiceScoring("Dice of the model that was taught against each submitted label", engine, learnt, turns),
        "uncertainty": UncertaintyScoring(
            "How unsure the model that was taught is of each unlabelled image", engine, learnt, turns
        ),
    }


class ScoringRuns:
    """At most one run at a time, on a thread; the last ones' records. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[dict[str, Any]] = deque(maxlen=16)
        self._stop = threading.Event()
        self._running = False

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        with self._lock:
            return self._running

    def start(self, name: str, method: LearntScoring, datastore: Datastore) -> dict[str, Any]:
        """Begin a run; its record. Raises InputError while another is under way, or when nothing can be scored."""
        method.require(datastore)
        record: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "status": "RUNNING",
            "request": {"method": name},
            "start_ts": _now(),
            "details": deque(maxlen=DETAILS),
        }
        with self._lock:
            if self._running:
                raise InputError("A scoring run is under way; stop it first, or wait for its end.")
            self._running = True
            self._stop.clear()
            self._records.append(record)
        threading.Thread(target=self._run, args=(method, datastore, record), daemon=True, name="asap-scoring").start()
        return _shown(record)

    def stop(self) -> dict[str, Any] | None:
        """End the run after its image; what was noted stays. Its record, None when there is none."""
        with self._lock:
            if not self._running:
                return None
            self._stop.set()
            self._records[-1]["status"] = "STOPPED"
            return _shown(self._records[-1])

    def records(self) -> list[dict[str, Any]]:
        """Of all runs, the newest last."""
        with self._lock:
            return [_shown(record) for record in self._records]

    def _run(self, method: LearntScoring, datastore: Datastore, record: dict[str, Any]) -> None:
        def said(line: str) -> bool:
            with self._lock:
                record["details"].append(line)
            return self._stop.is_set()

        status = "ERROR"
        try:
            record["result"] = method(record["request"], datastore, said)
            status = "DONE"
        finally:
            with self._lock:
                record["status"] = status if record["status"] == "RUNNING" else record["status"]
                record["end_ts"] = _now()
                self._running = False


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "details": list(record["details"])}


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")
