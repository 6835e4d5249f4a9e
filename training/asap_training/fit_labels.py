"""`asap-train finetune segmentation --cases dataset.json --out DIR`: teach the labels of a data set.

`asap-mini` gets a light head on its frozen trunk; of a model of the published architecture all is trained, as UNETR. With --score
nothing is trained: what an earlier run left in DIR is scored on the list's test cases.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from asap.errors import InputError
from asap.inference.learnt_labels import read_learnt
from asap.inference.load import load_engine
from asap.inference.whole_volume import segment_whole
from asap.io.atomic import write_bytes
from asap.models.catalog import MODELS
from asap.models.load import LoadedAsap, load_model
from asap.models.load_unetr import load_unetr
from asap.segmentation import Segmentation
from asap.volume import Volume
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.data.datasets.decathlon import Decathlon, read_decathlon
from asap_training.finetune_segmentation import Recipe, shorter
from asap_training.finetune_unetr import UnetrRecipe, finetune_unetr, of_steps
from asap_training.learn_labels import Material, learn
from asap_training.loop.stopping import stop_on_signals
from asap_training.score_labels import Draw, score_cases, table
from asap_training.unetr_recipes import PUBLISHED

RESULT, SCORES = "result.json", "test.json"
HEADS = "asap-mini"


def main() -> None:
    """Parse the arguments and train; 2 and one sentence for what the user can mend."""
    parser = argparse.ArgumentParser(description="Fine-tune segmentation on a decathlon-style data set.")
    parser.add_argument("--cases", type=Path, required=True, help="decathlon-style JSON file")
    parser.add_argument("--root", type=Path, help="folder of its images; default: the file's own")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, head/ or unetr/, and result.json")
    parser.add_argument("--model", default=HEADS, help="asap-mini: a light head; asap-base, or a folder of its kind: UNETR")
    parser.add_argument("--method", choices=("supervised", "semi-supervised"), default="supervised")
    parser.add_argument("--recipe", choices=tuple(PUBLISHED), help="UNETR as the published benchmark trains it on this data set")
    parser.add_argument("--steps", type=positive, help="default: 300 of a head, 1000 of UNETR, those of the --recipe")
    parser.add_argument("--labelled", type=positive, help="use the first N training cases with their labels, the others without")
    parser.add_argument("--seed", type=int, default=Recipe().schedule.seed)
    parser.add_argument("--score", action="store_true", help="only score what --out holds, on the test cases: Dice, NSD, HD95")
    arguments = parser.parse_args()
    with ended_in_one_sentence():
        run(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Train, and write what came of it beside the weights; or score."""
    dataset = read_decathlon(arguments.cases, arguments.root)
    if arguments.score:
        _score(arguments.out, dataset)
        return
    if not dataset.training:
        raise InputError("The list has test cases only; --score scores on them.")
    if arguments.recipe and arguments.model == HEADS:
        raise InputError("The recipes of --recipe are UNETR's; name its encoder with --model.")
    hidden = dataset.training[arguments.labelled or len(dataset.training) :]
    some = replace(
        dataset,
        training=dataset.training[: arguments.labelled or len(dataset.training)],
        unlabelled=(*(replace(case, label=None) for case in hidden), *dataset.unlabelled),
    )
    values = _unetr(arguments, some) if arguments.model != HEADS else _head(arguments, some)
    write_bytes(arguments.out / RESULT, json.dumps(values, indent=1).encode(), "result")
    print(json.dumps(values))


def _score(out: Path, dataset: Decathlon) -> None:
    """Of UNETR where there is one, else of the head."""
    cases = dataset.testing or dataset.validation
    if not cases:
        raise InputError("The list has neither test nor validation cases with labels to score on.")
    draw: Draw
    if (out / "unetr").is_dir():
        unetr = load_unetr(out / "unetr")
        draw, known = partial(segment_whole, unetr), unetr.config.labels
    else:
        engine, head = load_engine(HEADS), read_learnt(out / "head")
        if head.trunk_sha256 != engine.grounder.weights_sha256:
            raise InputError("The head was taught on another model's features; train it again.")
        known = head.labels

        def draw(volume: Volume) -> Segmentation:
            return head.segment(volume, engine.encode(volume), engine.grounder.grid)

    if known != dataset.labels:
        raise InputError(f"The list's labels are others than the model's, which are {', '.join(known)}.")
    scores = score_cases(draw, dataset.labels, cases, _say)
    write_bytes(out / SCORES, json.dumps([asdict(score) for score in scores], indent=1).encode(), "scores")
    print(table(scores))


def _unetr(arguments: argparse.Namespace, dataset: Decathlon) -> dict[str, Any]:
    loaded = load_model(arguments.model if arguments.model in MODELS else Path(arguments.model), torch.float32)
    if not isinstance(loaded, LoadedAsap):
        raise InputError("UNETR needs a model of the published architecture, such as asap-base.")
    published = PUBLISHED.get(arguments.recipe or "")
    recipe = UnetrRecipe() if published is None else published.recipe(len(dataset.training), arguments.seed)
    recipe = of_steps(recipe, arguments.steps or recipe.schedule.steps, arguments.seed)
    with stop_on_signals() as stop:
        outcome = finetune_unetr(
            loaded,
            dataset,
            recipe,
            out=arguments.out,
            say=_say,
            stop=lambda: stop.signal is not None,
            use_unlabelled=arguments.method == "semi-supervised",
        )
    return asdict(outcome)


def _head(arguments: argparse.Namespace, dataset: Decathlon) -> dict[str, Any]:
    material = Material(dataset.labels, dataset.training, dataset.validation, dataset.unlabelled)
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
