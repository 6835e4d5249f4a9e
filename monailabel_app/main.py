"""The MONAI Label app: the models as inference tasks, a random next-sample strategy, and the datastore.

MONAI Label loads this file by its path, outside the package; everything it needs is therefore imported by full name.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from asap.torchvision_guard import guard_torchvision
from monailabel_app.lib.lean_monai import import_monai

guard_torchvision()
import_monai()

from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from asap.errors import InputError
from asap.inference.next_case import STRATEGIES
from monailabel_app.lib.archive import ArchiveDatastore
from monailabel_app.lib.datastores import Datastore, FolderDatastore
from monailabel_app.lib.drawn_segments import DrawnSegments
from monailabel_app.lib.engines import DEFAULT_MODELS, SHARED_NAME, engines, label_models
from monailabel_app.lib.infers.clicks import ClickTask, LabelClicksTask
from monailabel_app.lib.infers.ground import GroundTask
from monailabel_app.lib.infers.labels import LabelsTask
from monailabel_app.lib.infers.learnt import LearntTask
from monailabel_app.lib.infers.segment import OrganTask
from monailabel_app.lib.learnt_heads import LearntHead
from monailabel_app.lib.open_case import OpenCase
from monailabel_app.lib.scoring import LearntScoring, ScoringRuns, scoring_methods
from monailabel_app.lib.strategies import RandomUnlabelled, ScoredUnlabelled
from monailabel_app.lib.trainers.labels import LabelTrainer
from monailabel_app.lib.training import TrainingRuns
from monailabel_app.lib.turns import Turns, Work, one_at_a_time
from monailabel_app.server.settings import GUARDED, is_loopback

LOG = logging.getLogger("monailabel_app")
HOOK = "--uvicorn_app monailabel_app.server.app:app"


def _check_stock_launcher(arguments: list[str]) -> None:
    """Without our hook nothing stands between a caller and MONAI Label's routes: on this machine only. Raises InputError."""
    known = argparse.ArgumentParser(add_help=False, allow_abbrev=True)
    known.add_argument("-i", "--host", default="0.0.0.0")
    host = known.parse_known_args(arguments)[0].host
    if not is_loopback(host):
        raise InputError(f"Without guards other machines may not be served: use `asap serve`, or add {HOOK}.")
    LOG.warning("The guards are absent (token, hosts, sizes, names): use `asap serve`, or add %s.", HOOK)


class AsapApp(MONAILabelApp):  # type: ignore[misc]
    """ASAP for MONAI Label. conf["models"]: names or folders of the models, separated by commas."""

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        if GUARDED not in conf:
            _check_stock_launcher(sys.argv)
        self.learnt: dict[str, LearntHead] = {}
        self.runs = TrainingRuns(self._finished)
        self.scoring_runs = ScoringRuns()
        self.turns: Turns = one_at_a_time  # the server puts its lanes here
        super().__init__(
            app_dir,
            studies,
            conf,
            name="ASAP",
            description="A report sentence finds its region in a chest CT. Research use. AI-generated. Not for diagnosis.",
            labels=[],  # those of the models together
        )

    def init_infers(self) -> dict[str, InferTask]:
        """For each model grounding, organs, a lesion from clicks, and what was taught; of a fine-tuned UNETR its labels."""
        named = self.conf.get("models", "")
        names = tuple(name for name in named.split(",") if name) or DEFAULT_MODELS
        tasks: dict[str, InferTask] = {}
        for name, engine in engines(names).items():
            case = OpenCase(engine)
            tasks[name] = GroundTask(engine, self._take_turn)
            tasks[f"{name}-organs"] = OrganTask(engine, case, self._take_turn)
            tasks[f"{name}-clicks"] = ClickTask(engine, case, self._take_turn, DrawnSegments())
            tasks[f"{name}-deepedit"] = LabelClicksTask(engine, case, self._take_turn, DrawnSegments())
            self.learnt[name] = LearntHead(name, engine.grounder.weights_sha256, self.datastore())
            tasks[f"{name}-labels"] = LearntTask(engine, case, self._take_turn, self.learnt[name])
        for name, loaded in label_models(names).items():
            if name in tasks:
                raise InputError(SHARED_NAME)
            tasks[name] = LabelsTask(loaded, self._take_turn)
        return tasks

    def parameters(self, model: str) -> frozenset[str]:
        """What a request to a model may hold."""
        allowed: frozenset[str] = self._infers[model].parameters
        return allowed

    def takes_points_by_name(self, model: str) -> bool:
        """Whether what a request to a model holds beside these are points of labels of its own."""
        return isinstance(self._infers[model], LabelClicksTask)

    def init_trainers(self) -> dict[str, TrainTask]:
        """Learning from submitted labels, for each model."""
        return {f"{name}-labels": LabelTrainer(name, self.runs, held.last_outcome) for name, held in self.learnt.items()}

    def trainer(self, name: str) -> LabelTrainer:
        """A trainer of `/info`."""
        found: LabelTrainer = self._trainers[name]
        return found

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """What the first model's head makes of the images."""
        model, learnt = next(iter(self.learnt.items()))
        return dict(scoring_methods(engines((model,))[model], learnt, self._take_turn))

    def scoring_method(self, name: str) -> LearntScoring:
        """A scoring method of `/info`."""
        found: LearntScoring = self._scoring_methods[name]
        return found

    def _finished(self, name: str, outcome: dict[str, Any]) -> None:
        self.learnt[name.removesuffix("-labels")].finished(outcome)

    def _take_turn(self, work: Work) -> None:
        self.turns(work)

    def forget_missing(self) -> None:
        """Nothing is kept of a caller's file that was removed."""
        for task in self._infers.values():
            task.forget_missing()

    def cleanup_sessions(self) -> None:
        """MONAI Label calls this every five minutes: sessions whose time is over go, and what is kept of their volumes."""
        super().cleanup_sessions()
        self.forget_missing()

    def rebuild(self) -> None:
        """Read the datastore's index and make tasks, trainers and strategies anew; lanes, models and a training run go on."""
        before: Datastore = self.datastore()
        self._datastore = self.init_datastore()
        self._infers = self.init_infers()
        self._trainers = self.init_trainers()
        self._strategies = self.init_strategies()
        self._scoring_methods = self.init_scoring_methods()
        before.close()

    def init_strategies(self) -> dict[str, Strategy]:
        """Which study to label next: any unlabelled one, or by what the model that learns says of them."""
        held = next(iter(self.learnt.values()))
        return {"random": RandomUnlabelled(), **{name: ScoredUnlabelled(name, held) for name in STRATEGIES if name != "random"}}

    def init_datastore(self) -> Datastore:
        """A folder, or a DICOMweb archive."""
        if self.studies.startswith(("http://", "https://")):
            cache = settings.MONAI_LABEL_DICOMWEB_CACHE_PATH or tempfile.mkdtemp(prefix="asap-dicom-")
            return ArchiveDatastore(self.studies, Path(cache))
        return FolderDatastore(self.studies)

    def _download_dcmqi_tools(self) -> None:
        """Nothing is fetched at start."""

    def infer(self, request: dict[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """One inference; an image id of an archive is its folder of DICOM files, which our reader takes as it is."""
        held = datastore or self.datastore()
        image = request.get("image")
        if isinstance(held, ArchiveDatastore) and isinstance(image, str) and image in held.list_images():
            request = {**request, "image": str(held.image_path(image))}
        answer: dict[str, Any] = super().infer(request, datastore)
        return answer
