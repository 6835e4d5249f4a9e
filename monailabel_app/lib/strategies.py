"""Which study an annotator should label next."""

from __future__ import annotations

import random
import time
from typing import Any, ClassVar

import numpy as np
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.strategy import Strategy

from asap.inference.next_case import Strategy as NextCase
from asap.inference.next_case import next_case
from monailabel_app.lib.learnt_heads import LearntHead


class RandomUnlabelled(Strategy):  # type: ignore[misc]
    """Any unlabelled study, those offered long ago sooner. MONAI Label's own fails where all were offered within a second."""

    def __init__(self) -> None:
        super().__init__("Random unlabelled study, long unseen ones sooner")

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any] | None:
        """The study's id, or None when all are labelled."""
        images: list[str] = datastore.get_unlabeled_images()
        if not images:
            return None
        offered = [datastore.get_image_info(image).get("strategy", {}).get(request["strategy"], {}) for image in images]
        weights = [max(1, int(time.time()) - record.get("ts", 0)) for record in offered]
        (number,) = random.choices(range(len(images)), weights=weights)
        return {"id": images[number], "weight": weights[number]}


class ScoredUnlabelled(Strategy):  # type: ignore[misc]
    """By what the last training run said of the images; at random before the first one."""

    WORDS: ClassVar[dict[str, str]] = {
        "uncertainty": "The unlabelled study the model is least sure of",
        "diversity": "The unlabelled study least like those labelled",
        "combined": "The unlabelled study that is both unlike those labelled and uncertain",
    }

    def __init__(self, name: str, learnt: LearntHead) -> None:
        super().__init__(self.WORDS[name])
        self._name: NextCase = name  # type: ignore[assignment]
        self._learnt = learnt

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any] | None:
        """The study's id, or None when all are labelled."""
        files = {image: datastore.image_path(image).name for image in datastore.list_images()}
        by_file = self._learnt.scores()
        scores = {image: by_file[name] for image, name in files.items() if name in by_file}
        unlabelled = datastore.get_unlabeled_images()
        chosen = next_case(self._name, scores, datastore.get_labeled_images(), unlabelled, np.random.default_rng())
        return None if chosen is None else {"id": chosen, "weight": scores[chosen].uncertainty if chosen in scores else 0.0}
