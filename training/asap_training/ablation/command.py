"""What each loss and each correction is worth: every row is trained under one budget on boxes of generated cases, measured alike.

asap-train ablation --cases DIR --held DIR --out DIR [--rows NAME ...] [--seeds 0 1 2]
asap-train ablation --out DIR --table            the table and the heatmaps of what has been trained so far

Goes on where it stopped, within a row and between rows. A row that is finished is not trained again. See `rows.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from asap.errors import AsapError, InputError
from asap.inference.engine import Engine
from asap.inference.load import grounder_of
from asap.models.load import LoadedAsap, load_model
from asap.phantom.findings import CONCEPTS
from asap.preprocess import GridConfig
from asap_training.ablation.box_grounding import encoded_boxes, grounding_rows
from asap_training.ablation.boxes import box_centre_ras_mm, case_numbers, cut_boxes
from asap_training.ablation.features import Shown, frozen_features, shown_boxes, text_vector
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
from asap_training.ablation.rows import BATCH, JITTER_MM, ROWS, STEPS, VIEWS_PER_BOX, small
from asap_training.ablation.table import difference, markdown
from asap_training.ablation.text_encoder import text_side
from asap_training.data.fields_of_view import FieldsOfView
from asap_training.data.generated_reports import GeneratedReports, network_grid
from asap_training.initial_weights import Start
from asap_training.loop.run_checkpoint import trained_weights
from asap_training.pretrain import RunOptions, run
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import write_trained
from asap_training.study_scores import finding_scores, stored_heads

BOXES_NAME, HELD_NAME, HEATMAPS_NAME = "boxes", "held", "heatmaps.png"
PROBE_BOXES = 800  # of the training boxes, for heads and probes
PICTURED = 60  # boxes among which every kind of lesion is found
# Any rising curve: AUROC against the twin reads the order of the confidences alone, so none is fitted.
ORDER_ONLY = {"slope": 4.0, "offset": 0.0, "by_concept": dict.fromkeys(CONCEPTS, 0.0)}


@dataclass(frozen=True)
class Trial:
    """What every row is given. boxes, held: folders of boxes to train and to measure on; out: where the rows go.

    fields, shown: what has been made of the boxes, by grid; rows share it.
    """

    boxes: Path
    held: Path
    out: Path
    steps: int
    batch: int
    fields: dict[GridConfig, FieldsOfView] = field(default_factory=dict)
    shown: dict[GridConfig, tuple[list[Shown], list[Shown]]] = field(default_factory=dict)


def trained(name: str, seed: int, trial: Trial) -> bool:
    """Train a row, or go on with it, and write its weights. False where a signal ended it early."""
    tokenizer, text_encoder = text_side(trial.boxes, trial.out)
    recipe = small(ROWS[name].recipe(), name, tokenizer.vocabulary_size, seed)
    recipe = replace(recipe, optimisation=replace(recipe.optimisation, batch=trial.batch))
    folder = row_folder(trial.out, name, seed)
    options = RunOptions(folder, trial.steps, save_every=50, start=Start(text_encoder=text_encoder))
    if not run(recipe, GeneratedReports(_fields(trial, network_grid(recipe.model.encoder)), recipe, tokenizer), options):
        return False
    model = PretrainingModel(recipe)
    model.load_state_dict(trained_weights(folder))
    with_study_heads_folded(model)
    write_trained(model, tokenizer, folder / "weights", f"row {name} of the ablation, seed {seed}")
    return True


def _fields(trial: Trial, grid: GridConfig) -> FieldsOfView:
    if grid not in trial.fields:
        trial.fields[grid] = FieldsOfView(
            trial.boxes, grid, centre_of=box_centre_ras_mm, jitter_mm=JITTER_MM, kept_per_case=VIEWS_PER_BOX
        )
    return trial.fields[grid]


def _shown(trial: Trial, grid: GridConfig) -> tuple[list[Shown], list[Shown]]:
    """The boxes that heads and probes are trained on, and those everything is measured on."""
    if grid not in trial.shown:
        trial.shown[grid] = shown_boxes(trial.boxes, grid, PROBE_BOXES), shown_boxes(trial.held, grid)
    return trial.shown[grid]


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
            head.weight.copy_(torch.eye(len(head.weight)))
            head.bias.zero_()


def measured(name: str, seed: int, trial: Trial) -> Result:
    """All measures of a trained row."""
    folder = row_folder(trial.out, name, seed)
    loaded = load_model(folder / "weights", torch.float32)
    assert isinstance(loaded, LoadedAsap)
    model, tokenizer = loaded.model, loaded.tokenizer
    boxes = _shown(trial, network_grid(model.config.encoder))
    train, test = (frozen_features(model, tokenizer, shown) for shown in boxes)
    findings = counted(train, test)
    draws = {share: PROBE_DRAWS if share < 1 else 1 for share in PROBE_SHARES}
    error, plain_error = organ_error(train, test)
    heads, held = (
        stored_heads(folder / "weights"),
        (box.image_11HWD for box in _shown(trial, network_grid(model.config.encoder))[1]),
    )
    return Result(
        row=name,
        seed=seed,
        steps=trial.steps,
        batch=trial.batch,
        grounding=grounding_rows(Engine(grounder_of(replace(loaded, calibration=ORDER_ONLY))), trial.held),
        cases=case_numbers(sorted(trial.held.glob("case-*"))),
        findings=tuple(CONCEPTS[f] for f in findings),
        found=test.findings_RF[:, findings],
        zero_shot=zero_shot_scores(train, test, lambda text: text_vector(model, tokenizer, text), seed)[:, findings],
        stated=test.stated_RF[:, findings],
        study=None if heads is None else finding_scores(model, heads, tokenizer, held)[:, findings],
        probes={
            f"{share:g}": [probe_scores(train, test, share, findings, 100 * seed + n) for n in range(count)]
            for share, count in draws.items()
        },
        ranks=retrieval_ranks(train, test, seed),
        organ_error=error,
        organ_error_of_the_mean=plain_error,
    )


def show(out: Path) -> None:
    """Print the table, and draw the heatmaps of every row's first seed."""
    found = list(results(out))
    if not found:
        raise InputError("No row has been trained here yet; name --cases and --held.")
    print(markdown(found))
    compared = difference(found, "corrected", "published")
    if compared is not None:
        print(f"\n{compared}")
    first = {result.row: result for result in reversed(found)}
    engines = [
        (name, Engine(grounder_of(load_model(row_folder(out, name, first[name].seed) / "weights", torch.float32))))
        for name in ROWS
        if name in first
    ]
    write_heatmaps(
        out / HEATMAPS_NAME, [(name, engine, encoded_boxes(engine, out / HELD_NAME, PICTURED)) for name, engine in engines]
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train and measure the rows of the ablation; the same command goes on.")
    parser.add_argument("--cases", type=Path, help="generated cases to train on")
    parser.add_argument("--held", type=Path, help="generated cases with other seeds, to measure on")
    parser.add_argument("--out", type=Path, required=True, help="boxes, runs, results, table and heatmaps")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="NAME", help=", ".join(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of {BATCH} boxes each row gets")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--table", action="store_true", help="show what there is and train nothing")
    return parser.parse_args()


def train_and_measure(trial: Trial, pairs: Sequence[tuple[str, int]]) -> bool:
    """All rows that are not finished, one after the other. False where a signal ended it early."""
    for name, seed in pairs:
        folder = row_folder(trial.out, name, seed)
        if (folder / RESULT_NAME).exists():
            continue
        print(f"{name}, seed {seed}: {ROWS[name].reason}", flush=True)
        began, began_cpu = time.monotonic(), time.process_time()
        if not trained(name, seed, trial):
            return False
        trained_cpu = time.process_time()
        write_result(folder, measured(name, seed, trial))
        print(
            f"{name}, seed {seed}: done in {(time.monotonic() - began) / 60:.1f} min; processor: training "
            f"{(trained_cpu - began_cpu) / 60:.1f} min, measuring {(time.process_time() - trained_cpu) / 60:.1f} min",
            flush=True,
        )
    return True


def main() -> None:
    """Train, measure, print the table. Exit code 143 where a signal ended it early; 2 for input that cannot be used."""
    arguments = parse()
    try:
        if not arguments.table:
            if arguments.cases is None or arguments.held is None:
                raise InputError("Name the cases to train on with --cases and others to measure on with --held.")
            boxes = cut_boxes(arguments.cases, arguments.out / BOXES_NAME, held_out=False)
            held = cut_boxes(arguments.held, arguments.out / HELD_NAME, held_out=True)
            trial = Trial(boxes, held, arguments.out, arguments.steps, arguments.batch)
            if not train_and_measure(trial, [(name, seed) for seed in arguments.seeds for name in arguments.rows]):
                sys.exit(143)
        show(arguments.out)
    except AsapError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
