"""`asap-train finetune segmentation --cases dataset.json --out DIR`: teach a head of `asap-mini` the labels of a data set."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path

from asap.errors import AsapError
from asap.inference.load import load_engine
from asap.io.atomic import write_bytes
from asap_training.data.datasets.decathlon import read_decathlon
from asap_training.finetune_segmentation import Recipe, shorter
from asap_training.learn_labels import Material, learn
from asap_training.loop.stopping import stop_on_signals

RESULT = "result.json"


def main() -> None:
    """Parse the arguments and train; 2 and one sentence for what the user can mend."""
    parser = argparse.ArgumentParser(description="Fine-tune a segmentation head on a decathlon-style data set.")
    parser.add_argument("--cases", type=Path, required=True, help="decathlon-style JSON file, the images beside it")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, the head and result.json")
    parser.add_argument("--method", choices=("supervised", "semi-supervised"), default="supervised")
    parser.add_argument("--steps", type=int, default=Recipe().schedule.steps)
    parser.add_argument("--labelled", type=int, help="use the first N training cases with their labels, the others without")
    parser.add_argument("--seed", type=int, default=Recipe().schedule.seed)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except AsapError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def run(arguments: argparse.Namespace) -> None:
    """Train, and write what came of it beside the head."""
    dataset = read_decathlon(arguments.cases)
    count = arguments.labelled or len(dataset.training)
    hidden = [replace(case, label=None) for case in dataset.training[count:]]
    material = Material(dataset.labels, dataset.training[:count], dataset.validation, [*hidden, *dataset.unlabelled])
    recipe = shorter(Recipe(), arguments.steps)
    recipe = replace(recipe, schedule=replace(recipe.schedule, seed=arguments.seed))
    with stop_on_signals() as stop:
        outcome = learn(
            load_engine("asap-mini"),
            material,
            recipe,
            head=arguments.out / "head",
            work=arguments.out,
            say=lambda line: print(line, flush=True),
            stop=lambda: stop.signal is not None,
            use_unlabelled=arguments.method == "semi-supervised",
        )
    values = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(outcome).items()}
    write_bytes(arguments.out / RESULT, json.dumps(values, indent=1).encode(), "result")
    print(json.dumps(values))


if __name__ == "__main__":
    main()
