"""`asap-train finetune segmentation --cases dataset.json --out DIR`: teach the labels of a data set.

`asap-mini` gets a light head on its frozen trunk; of a model of the published architecture all is trained, as UNETR.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from asap.errors import AsapError, InputError
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap.models.catalog import MODELS
from asap.models.load import LoadedAsap, load_model
from asap_training.data.datasets.decathlon import Decathlon, read_decathlon
from asap_training.finetune_segmentation import Recipe, shorter
from asap_training.finetune_unetr import UnetrRecipe, finetune_unetr, of_steps
from asap_training.learn_labels import Material, learn
from asap_training.loop.stopping import stop_on_signals

RESULT = "result.json"
HEADS = "asap-mini"


def main() -> None:
    """Parse the arguments and train; 2 and one sentence for what the user can mend."""
    parser = argparse.ArgumentParser(description="Fine-tune segmentation on a decathlon-style data set.")
    parser.add_argument("--cases", type=Path, required=True, help="decathlon-style JSON file, the images beside it")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, head/ or unetr/, and result.json")
    parser.add_argument("--model", default=HEADS, help="asap-mini: a light head; asap-base, or a folder of its kind: UNETR")
    parser.add_argument("--method", choices=("supervised", "semi-supervised"), default="supervised")
    parser.add_argument("--steps", type=int, help="default: 300 of a head, 1000 of UNETR")
    parser.add_argument("--labelled", type=int, help="use the first N training cases with their labels, the others without")
    parser.add_argument("--seed", type=int, default=Recipe().schedule.seed)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except AsapError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def run(arguments: argparse.Namespace) -> None:
    """Train, and write what came of it beside the weights."""
    dataset = read_decathlon(arguments.cases)
    values = _unetr(arguments, dataset) if arguments.model != HEADS else _head(arguments, dataset)
    write_bytes(arguments.out / RESULT, json.dumps(values, indent=1).encode(), "result")
    print(json.dumps(values))


def _unetr(arguments: argparse.Namespace, dataset: Decathlon) -> dict[str, Any]:
    if arguments.method != "supervised":
        raise InputError("UNETR is trained with labels only; the semi-supervised recipe is one of asap-mini's head.")
    loaded = load_model(arguments.model if arguments.model in MODELS else Path(arguments.model), torch.float32)
    if not isinstance(loaded, LoadedAsap):
        raise InputError("UNETR needs a model of the published architecture, such as asap-base.")
    recipe = of_steps(arguments.steps or UnetrRecipe().schedule.steps, arguments.seed)
    some = replace(dataset, training=dataset.training[: arguments.labelled or len(dataset.training)])
    with stop_on_signals() as stop:
        outcome = finetune_unetr(loaded, some, recipe, out=arguments.out, say=_say, stop=lambda: stop.signal is not None)
    return asdict(outcome)


def _head(arguments: argparse.Namespace, dataset: Decathlon) -> dict[str, Any]:
    count = arguments.labelled or len(dataset.training)
    hidden = [replace(case, label=None) for case in dataset.training[count:]]
    material = Material(dataset.labels, dataset.training[:count], dataset.validation, [*hidden, *dataset.unlabelled])
    recipe = shorter(Recipe(), arguments.steps or Recipe().schedule.steps)
    recipe = replace(recipe, schedule=replace(recipe.schedule, seed=arguments.seed))
    with stop_on_signals() as stop:
        outcome = learn(
            load_engine(HEADS),
            material,
            recipe,
            head=arguments.out / "head",
            work=arguments.out,
            say=_say,
            stop=lambda: stop.signal is not None,
            use_unlabelled=arguments.method == "semi-supervised",
        )
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(outcome).items()}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
