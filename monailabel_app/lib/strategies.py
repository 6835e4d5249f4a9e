"""Which study an annotator should label next."""

from __future__ import annotations

import random
import time
from typing import Any

from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.strategy import Strategy


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
