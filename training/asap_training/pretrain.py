"""Pre-train a model. Reads top to bottom; resumes by itself; the same command gives the same weights.

asap-train pretrain --recipe asap_base --cases DIR --out DIR --tokenizer FILE
torchrun --nproc-per-node 4 -m asap_training.pretrain --recipe asap_base ...        several processes
asap-train pretrain --cases DIR --out DIR [--weights DIR]                           the embedded model, asap_mini
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from asap.errors import InputError, WeightsError
from asap.models.catalog import MODELS, TEST_WORDS, model_folder
from asap.models.weights import read_weights
from asap.models.wordpiece import WordPiece
from asap_training import train_mini
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.config import MiniRecipe
from asap_training.data.batch import Batch, Source, collate
from asap_training.data.cache import SETTINGS
from asap_training.data.cached_reports import CachedReports
from asap_training.data.generated_reports import generated_reports
from asap_training.data.report_tokens import text_encoder_digest
from asap_training.data.sampler import numbers
from asap_training.initial_weights import Start, start_from
from asap_training.loop.distributed import Ranks, any_rank, joined, wait_for_all
from asap_training.loop.optim import adamw, learning_rate, seed_step
from asap_training.loop.run_checkpoint import Progress, clear_partial, load_run, save_run, trained_weights
from asap_training.loop.run_folder import begin_folder, check_folder
from asap_training.loop.runlog import RunLog
from asap_training.loop.step import Training, prepared, train_step
from asap_training.loop.stopping import STOPPED, reader, stop_on_signals
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import write_trained
from asap_training.recipes import RECIPES, Recipe

NOT_OF_MINI = ("tokenizer", "text_encoder", "image_blocks", "batch", "accumulation", "precision", "save_every")


@dataclass(frozen=True)
class RunOptions:
    """Where, how far (None: the recipe's epochs), how often to save, processes that read data, and what to start from."""

    out: Path
    steps: int | None = None
    save_every: int = 200
    workers: int = 0
    start: Start = field(default_factory=Start)


def run(recipe: Recipe, source: Source, options: RunOptions) -> bool:
    """Train, or go on training, until the end (True) or until a signal asks to stop (False). Returns on every rank."""
    with joined() as ranks, stop_on_signals() as stop:
        check_folder(options.out, recipe)
        wait_for_all()
        if ranks.first:
            begin_folder(options.out, recipe)
            clear_partial(options.out)
        wait_for_all()

        # Model, optimiser, and where an earlier run stopped.
        torch.manual_seed(recipe.optimisation.seed)
        model = PretrainingModel(recipe)
        start_from(model, options.start)
        source = source.for_text_encoder(text_encoder_digest(model.asap.text_encoder))
        model = model.to(ranks.device).train()
        optimizer = adamw(model, recipe.optimisation)
        resumed = load_run(options.out, model, optimizer)
        training = restored(prepared(recipe, ranks, model, optimizer), resumed.progress)
        position = resumed.progress

        length = length_of(recipe, source, ranks, position, options.steps)

        with RunLog(options.out, step=position.step, samples=position.samples, total=length.samples, first=ranks.first) as log:
            log.say(described(recipe, source, ranks, model, length))
            for name in resumed.damaged:
                log.say(f"{name} is damaged and was passed over.")
            if position.step:
                log.say(f"Going on after step {position.step}." if position.step < length.steps else "All steps are done.")
            for batches, waited_s in steps_of_data(
                source, recipe, ranks, position=position.samples, total=length.samples, workers=options.workers
            ):
                log.waited(waited_s)
                seed_step(recipe.optimisation.seed, position.step, ranks.rank)
                rate = learning_rate(recipe.optimisation, (position.samples + length.per_step) / source.cases, length.epochs)
                stats = train_step(training, [batch.to(ranks.device) for batch in batches], rate)
                position = moved(training, position, length.per_step)
                log.step(position.step, position.samples, stats | {"learning_rate": rate})
                stopping = any_rank(stop.signal is not None, ranks.device)
                if stopping or position.step % options.save_every == 0 or position.step == length.steps:
                    if ranks.first:
                        save_run(options.out, position, model, optimizer)
                    wait_for_all()
                if stopping and position.step < length.steps:
                    log.say(f"Stopped after step {position.step}; the same command goes on from there.")
                    return False
        return True


@dataclass(frozen=True)
class Length:
    """How far a run goes, in whole steps of `per_step` samples on all ranks; epochs: what its samples come to."""

    steps: int
    per_step: int
    samples: int
    epochs: float


def length_of(recipe: Recipe, source: Source, ranks: Ranks, position: Progress, steps: int | None) -> Length:
    """To so many steps, or as many as the recipe's epochs have room for; counted from where the run is."""
    settings = recipe.optimisation
    per_step = settings.batch * settings.accumulation * ranks.world
    left = max(0, int(settings.epochs * source.cases) - position.samples) // per_step
    steps = steps or max(1, position.step + left)
    samples = position.samples + (steps - position.step) * per_step
    return Length(steps, per_step, samples, samples / source.cases)


def described(recipe: Recipe, source: Source, ranks: Ranks, model: PretrainingModel, length: Length) -> str:
    """What a person checks before leaving a run alone for days."""
    settings = recipe.optimisation
    learnt = sum(p.numel() for p in model.parameters() if p.requires_grad) / 1e6
    processes = "one process" if ranks.world == 1 else f"{ranks.world} processes"
    return (
        f"{recipe.name}: {learnt:.1f} M parameters learn from {source.cases} cases in {length.steps} steps, {length.epochs:.1f} "
        f"epochs. A step has {length.per_step} samples: {settings.batch} x {settings.accumulation} in {processes} "
        f"({ranks.device.type}, {settings.precision})."
    )


def restored(training: Training, progress: Progress) -> Training:
    """Loss scale and counters of an earlier run."""
    if progress.scaler:
        training.scaler.load_state_dict(dict(progress.scaler))
    training.skipped, training.skipped_in_a_row = progress.skipped, progress.skipped_in_a_row
    return training


def moved(training: Training, before: Progress, samples: int) -> Progress:
    """Where the run is after one more step."""
    return Progress(
        step=before.step + 1,
        samples=before.samples + samples,
        world=training.ranks.world,
        skipped=training.skipped,
        skipped_in_a_row=training.skipped_in_a_row,
        scaler=training.scaler.state_dict() or None,
    )


def steps_of_data(
    source: Source, recipe: Recipe, ranks: Ranks, *, position: int, total: int, workers: int
) -> Iterator[tuple[Sequence[Batch], float]]:
    """The micro-batches of each step, and how long the step waited for them in seconds."""
    settings = recipe.optimisation
    mine = numbers(position, total, rank=ranks.rank, world=ranks.world, batch=settings.batch)
    loader: DataLoader[Batch] = DataLoader(
        source,  # type: ignore[arg-type] # what it needs is to be asked for sample n
        settings.batch,
        sampler=mine,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=reader,
        pin_memory=ranks.device.type == "cuda",
    )
    began, batches = time.monotonic(), []
    for batch in loader:
        batches.append(batch)
        if len(batches) == settings.accumulation:
            yield batches, time.monotonic() - began
            began, batches = time.monotonic(), []


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Pre-train a model; the same command goes on where it stopped.")
    parser.add_argument("--recipe", choices=["asap_mini", *RECIPES], default="asap_mini")
    parser.add_argument("--cases", type=Path, required=True, help="cache of `asap-train prepare`, or folder of generated cases")
    parser.add_argument("--out", type=Path, required=True, help="log, checkpoints and recipe of the run")
    parser.add_argument("--steps", type=positive, help="length of the run, at whose end the learning rate is zero")
    parser.add_argument("--weights", type=weights_folder, help="weights to start from: their folder or their name")
    parser.add_argument("--workers", type=int, help="processes that read cases; by default none, of asap_mini one")
    options = parser.add_argument_group("all recipes but asap_mini")
    options.add_argument("--tokenizer", type=Path, help="tokenizer.json of the text encoder")
    options.add_argument("--text-encoder", type=Path, help="text encoder where no --weights are given: CXR-BERT's folder")
    options.add_argument("--image-blocks", type=Path, help="vision transformer to start from: mae_pretrain_vit_base.pth")
    options.add_argument("--batch", type=positive, help="samples per micro-batch and process")
    options.add_argument("--accumulation", type=positive, help="micro-batches per step")
    options.add_argument("--precision", choices=["float32", "bfloat16", "float16"], help="by default the recipe's")
    options.add_argument("--save-every", type=positive, help="steps between checkpoints; by default 200")
    return parser.parse_args()


def weights_folder(text: str) -> Path:
    """A folder where there is one, else that of a name of the catalogue. argparse says what WeightsError says."""
    try:
        return model_folder(text) if text in MODELS and not Path(text).is_dir() else Path(text)
    except WeightsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def with_options(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """The recipe with what the command line says otherwise."""
    given = {name: getattr(arguments, name) for name in ("batch", "accumulation", "precision")}
    return replace(recipe, optimisation=replace(recipe.optimisation, **{k: v for k, v in given.items() if v is not None}))


def tokenizer_of(recipe: Recipe, file: Path | None, weights: Path | None) -> WordPiece:
    """The tokenizer named, the one beside the weights, or that of the test model."""
    positions = recipe.model.text.max_positions
    if file is not None:
        return WordPiece.from_file(file, positions)
    if weights is not None:
        stored = read_weights(weights).tokenizer_json
        if stored is not None:
            return WordPiece.from_json(stored, positions)
    if recipe.name == "asap_test":
        return WordPiece.from_vocabulary(TEST_WORDS, positions)
    raise InputError("Name the text encoder's tokenizer with --tokenizer, or imported weights with --weights.")


def train_embedded(arguments: argparse.Namespace) -> bool:
    """Train asap_mini. InputError where several processes were started or an option is given that it does not have."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("asap_mini is trained by one process; start it without torchrun.")
    given = [name for name in NOT_OF_MINI if getattr(arguments, name) is not None]
    if given:
        named = " and ".join("--" + name.replace("_", "-") for name in given)
        raise InputError(f"asap_mini has no {named}: these are options of the other recipes; leave them out or name a --recipe.")
    steps = arguments.steps or MiniRecipe.steps
    recipe = replace(MiniRecipe(), steps=steps)
    workers = 1 if arguments.workers is None else arguments.workers
    model = train_mini.train(arguments.cases, arguments.out, recipe, start=arguments.weights, workers=workers)
    if model is not None:
        print("Trained; `asap-train export` calibrates what came of it and writes the weights.")
    return model is not None


def train_recipe(arguments: argparse.Namespace) -> bool:
    """Train one of `RECIPES` and write its weights; False where a signal ended the run early."""
    recipe = with_options(RECIPES[arguments.recipe](), arguments)
    tokenizer = tokenizer_of(recipe, arguments.tokenizer, arguments.weights)
    prepared = (arguments.cases / SETTINGS).exists()
    source = (CachedReports if prepared else generated_reports)(arguments.cases, recipe, tokenizer)
    start = Start(arguments.weights, arguments.text_encoder, arguments.image_blocks)
    if recipe.name != "asap_test" and start.weights is None and start.text_encoder is None:
        raise InputError("The text encoder is not trained here: name one (--text-encoder), or imported weights (--weights).")
    save_every = arguments.save_every or RunOptions.save_every
    finished = run(recipe, source, RunOptions(arguments.out, arguments.steps, save_every, arguments.workers or 0, start))
    if finished and int(os.environ.get("RANK", "0")) == 0:
        write_result(recipe, tokenizer, arguments.out)
        print(f"The weights are in {arguments.out / 'weights'}.")
    return finished


def write_result(recipe: Recipe, tokenizer: WordPiece, out: Path) -> None:
    """The trained weights in `out`/weights, which `asap` loads and a later run starts from (--weights)."""
    model = PretrainingModel(recipe)
    model.load_state_dict(trained_weights(out))
    write_trained(model, tokenizer, out / "weights", f"trained by the recipe {recipe.name}")


def main() -> None:
    """Parse the arguments and train. Exit code 143 where a signal ended the run early, after its checkpoint."""
    arguments = parse()
    with ended_in_one_sentence():
        finished = train_embedded(arguments) if arguments.recipe == "asap_mini" else train_recipe(arguments)
    sys.exit(0 if finished else STOPPED)


if __name__ == "__main__":
    main()
