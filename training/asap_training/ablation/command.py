"""What each loss and each correction is worth: every row is trained under one budget on generated cases and measured alike.

asap-train ablation --cases DIR --held DIR --out DIR [--rows NAME ...] [--seeds 0 1 2] [--steps 300]
asap-train ablation --out DIR --held DIR --table            the table and the heatmaps of what has been trained so far

Goes on where it stopped, within a row and between rows. A row that is finished is not trained again. See `rows.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from asap.errors import AsapError, InputError
from asap.inference.engine import Engine
from asap.inference.load import grounder_of
from asap.models.load import LoadedAsap, load_model
from asap.phantom.findings import CONCEPTS
from asap_training.ablation.features import frozen_features, text_vector
from asap_training.ablation.measures import (
    PROBE_DRAWS,
    PROBE_SHARES,
    counted,
    organ_error,
    probe_scores,
    retrieval_ranks,
    zero_shot_scores,
)
from asap_training.ablation.pictures import write_heatmaps
from asap_training.ablation.result import RESULT_NAME, Result, results, write_result
from asap_training.ablation.rows import BATCH, ROWS, small
from asap_training.ablation.table import markdown
from asap_training.ablation.text_encoder import text_side
from asap_training.benchmark import generated_cases
from asap_training.data.generated_reports import GeneratedReports
from asap_training.grounding_score import Row, encode_cases, score
from asap_training.initial_weights import Start
from asap_training.loop.run_checkpoint import trained_weights
from asap_training.loop.runlog import LOG_NAME
from asap_training.pretrain import RunOptions, run
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import write_trained

HEATMAPS_NAME = "heatmaps.png"
# Any rising curve: AUROC against the twin reads the order of the confidences alone, so none is fitted.
ORDER_ONLY = {"slope": 4.0, "offset": 0.0, "by_concept": dict.fromkeys(CONCEPTS, 0.0)}


@dataclass(frozen=True)
class Trial:
    """What every row is given. cases, held: folders of generated cases to train and to measure on; out: where all of it goes.

    probe_cases: training cases whose frozen features the heads and probes are trained on.
    """

    cases: Path
    held: Path
    out: Path
    steps: int
    batch: int = BATCH
    probe_cases: int = 200
    held_cases: int = 100
    workers: int = 1


def trained(name: str, seed: int, trial: Trial) -> bool:
    """Train a row, or go on with it, and write its weights. False where a signal ended it early."""
    tokenizer, text_encoder = text_side(trial.cases, trial.out)
    recipe = small(ROWS[name].recipe(), name, tokenizer.vocabulary_size, seed)
    recipe = replace(recipe, optimisation=replace(recipe.optimisation, batch=trial.batch))
    folder = row_folder(trial.out, name, seed)
    options = RunOptions(folder, trial.steps, save_every=50, workers=trial.workers, start=Start(text_encoder=text_encoder))
    if not run(recipe, GeneratedReports(trial.cases, recipe, tokenizer), options):
        return False
    model = PretrainingModel(recipe)
    model.load_state_dict(trained_weights(folder))
    with_study_heads_folded(model)
    write_trained(model, tokenizer, folder / "weights", f"row {name} of the ablation, seed {seed}")
    return True


def row_folder(out: Path, name: str, seed: int) -> Path:
    """Where a row's run, weights and result lie."""
    return out / f"{name}-seed{seed}"


def with_study_heads_folded(model: PretrainingModel) -> None:
    """Where only whole studies were aligned, a token is compared in their space: the heads are linear, means go through them."""
    weights, heads = model.recipe.weights, model.study_heads
    if heads is None or weights.alignment or weights.region:
        return
    with torch.no_grad():
        for part, head in ((model.asap.image_head, heads.image), (model.asap.text_head, heads.text)):
            part.dense_to_output.bias.copy_(head.weight @ part.dense_to_output.bias + head.bias)
            part.dense_to_output.weight.copy_(head.weight @ part.dense_to_output.weight)


def measured(name: str, seed: int, trial: Trial) -> Result:
    """All measures of a trained row."""
    folder = row_folder(trial.out, name, seed)
    loaded = load_model(folder / "weights", torch.float32)
    assert isinstance(loaded, LoadedAsap)
    model, tokenizer = loaded.model, loaded.tokenizer
    train = frozen_features(model, tokenizer, trial.cases, trial.probe_cases)
    test = frozen_features(model, tokenizer, trial.held, trial.held_cases)
    findings = counted(train, test)
    draws = {share: PROBE_DRAWS if share < 1 else 1 for share in PROBE_SHARES}
    error, plain_error = organ_error(train, test)
    return Result(
        row=name,
        seed=seed,
        steps=trial.steps,
        batch=trial.batch,
        seconds=_seconds(folder),
        grounding=_grounding(loaded, trial),
        findings=tuple(CONCEPTS[f] for f in findings),
        found=test.findings_RF[:, findings],
        zero_shot=zero_shot_scores(train, test, lambda text: text_vector(model, tokenizer, text), seed)[:, findings],
        probes={
            f"{share:g}": [probe_scores(train, test, share, findings, 100 * seed + n) for n in range(count)]
            for share, count in draws.items()
        },
        ranks=retrieval_ranks(train, test, seed),
        organ_error=error,
        organ_error_of_the_mean=plain_error,
    )


def _grounding(loaded: LoadedAsap, trial: Trial) -> tuple[Row, ...]:
    engine = Engine(grounder_of(replace(loaded, calibration=ORDER_ONLY)))
    return tuple(score(engine, encode_cases(engine, generated_cases(trial.held)[: trial.held_cases])))


def _seconds(folder: Path) -> float:
    lines = [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]
    return float(sum(line["samples"] / line["samples_per_s"] for line in lines[-1:]))


def show(held: Path | None, out: Path) -> None:
    """Print the table; with held-out cases at hand also draw the heatmaps of every row's first seed."""
    found = list(results(out))
    if not found:
        raise InputError("No row has been trained here yet; name --cases and --held.")
    print(markdown(found))
    if held is not None:
        first = {result.row: result for result in reversed(found)}
        engines = [
            (name, Engine(grounder_of(load_model(row_folder(out, name, first[name].seed) / "weights", torch.float32))))
            for name in ROWS
            if name in first
        ]
        write_heatmaps(out / HEATMAPS_NAME, engines, generated_cases(held)[:20])


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train and measure the rows of the ablation; the same command goes on.")
    parser.add_argument("--cases", type=Path, help="generated cases to train on")
    parser.add_argument("--held", type=Path, help="generated cases with other seeds, to measure on")
    parser.add_argument("--out", type=Path, required=True, help="runs, results, table and heatmaps")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="NAME", help=", ".join(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=300, help=f"steps of {BATCH} cases each row gets")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--probe-cases", type=int, default=Trial.probe_cases)
    parser.add_argument("--held-cases", type=int, default=Trial.held_cases)
    parser.add_argument("--workers", type=int, default=1, help="processes that read cases")
    parser.add_argument("--table", action="store_true", help="show what there is and train nothing")
    return parser.parse_args()


def train_and_measure(trial: Trial, pairs: Sequence[tuple[str, int]]) -> bool:
    """All rows that are not finished, one after the other. False where a signal ended it early."""
    for name, seed in pairs:
        folder = row_folder(trial.out, name, seed)
        if (folder / RESULT_NAME).exists():
            continue
        print(f"{name}, seed {seed}: {ROWS[name].reason}", flush=True)
        began = time.monotonic()
        if not trained(name, seed, trial):
            return False
        write_result(folder, measured(name, seed, trial))
        print(f"{name}, seed {seed}: done in {(time.monotonic() - began) / 60:.1f} min", flush=True)
    return True


def main() -> None:
    """Train, measure, print the table. Exit code 143 where a signal ended it early; 2 for input that cannot be used."""
    arguments = parse()
    try:
        if not arguments.table:
            if arguments.cases is None or arguments.held is None:
                raise InputError("Name the cases to train on with --cases and others to measure on with --held.")
            trial = Trial(
                arguments.cases,
                arguments.held,
                arguments.out,
                steps=arguments.steps,
                batch=arguments.batch,
                probe_cases=arguments.probe_cases,
                held_cases=arguments.held_cases,
                workers=arguments.workers,
            )
            if not train_and_measure(trial, [(name, seed) for seed in arguments.seeds for name in arguments.rows]):
                sys.exit(143)
        show(arguments.held, arguments.out)
    except AsapError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
