"""A training run in a process of its own: one order on standard input, lines of JSON on standard output. SIGTERM stops it.

It is a child of the server that loads the same models, so that a run neither slows an answer nor dies with a request.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from asap.errors import AsapError
from asap.inference.load import load_engine

SAVE_EVERY = 10  # steps: what a run that is killed loses


def main() -> None:
    """Do one order. Leaves with the exit code of the error, told as the last line, or with 0."""
    order = json.loads(sys.stdin.buffer.read())
    try:
        outcome = _learnt(order)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("asap_training"):
            raise
        _tell("refused", "Training needs the training package beside the server: pip install asap-training.")
        sys.exit(2)
    except AsapError as error:
        _tell("refused", str(error))
        sys.exit(error.exit_code)
    _tell("outcome", outcome)


def _learnt(order: dict[str, Any]) -> dict[str, Any]:
    from asap_training.data.datasets.decathlon import ImageWithLabel  # noqa: PLC0415 - a distribution of its own
    from asap_training.finetune_segmentation import Recipe, shorter  # noqa: PLC0415
    from asap_training.learn_labels import Material, learn  # noqa: PLC0415
    from asap_training.loop.stopping import stop_on_signals  # noqa: PLC0415

    labelled = [
        ImageWithLabel(Path(case["image"]), Path(case["label"]), {int(a): int(b) for a, b in case["numbers"]})
        for case in order["labelled"]
    ]
    unlabelled = [ImageWithLabel(Path(image), None) for image in order["unlabelled"]]
    recipe = shorter(Recipe(), order["steps"])
    recipe = replace(recipe, schedule=replace(recipe.schedule, save_every=SAVE_EVERY))
    with stop_on_signals() as stop:
        outcome = learn(
            load_engine(order["model"]),
            Material(tuple(order["labels"]), labelled, (), unlabelled),
            recipe,
            head=Path(order["head"]),
            work=Path(order["work"]),
            say=lambda line: _tell("line", line),
            stop=lambda: stop.signal is not None,
            use_unlabelled=order["semi_supervised"],
        )
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(outcome).items()}


def _tell(kind: str, value: Any) -> None:
    with suppress(OSError):  # the server is gone: the run still ends with a checkpoint
        sys.stdout.write(json.dumps({kind: value}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
