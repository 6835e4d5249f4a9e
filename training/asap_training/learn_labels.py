"""From cases with labels to a head that is in use: prepare, train, score on held-out cases, replace the old head if better.

The same for a data set on the command line and for labels that were submitted to the server.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from asap.errors import InputError, WeightsError
from asap.inference.engine import Engine
from asap.inference.learnt_labels import LearntLabels, read_learnt, uncertainty, write_learnt
from asap.inference.load import heads_of
from asap.io.atomic import write_bytes
from asap.models.load import frozen
from asap.models.segmentation_head import HeadConfig, SegmentationHead
from asap_training.data.datasets.decathlon import ImageWithLabel
from asap_training.data.labelled_cases import LabelledCase, Say, prepare
from asap_training.finetune_segmentation import Recipe, finetune, held_out, mean_dice

SCORES = "scores.json"


@dataclass(frozen=True)
class Outcome:
    """What came of a run. score, old_score: mean Dice on the held-out cases (nan without any, or without an old head).

    accepted: whether the new head is now in use. finished: False when it was stopped; the next run goes on there.
    """

    finished: bool
    accepted: bool
    learnt_from: int
    held_out: int
    score: float
    old_score: float


@dataclass(frozen=True)
class Material:
    """What is learnt from. valid: cases to score on; empty: every fifth of `labelled`. labels: names from 1 on."""

    labels: tuple[str, ...]
    labelled: Sequence[ImageWithLabel]
    valid: Sequence[ImageWithLabel] = ()
    unlabelled: Sequence[ImageWithLabel] = ()


@dataclass(frozen=True, eq=False)
class Prepared:
    """The same on the network's grid. trunk_sha256: the weights whose features the cases hold."""

    labels: tuple[str, ...]
    train: Sequence[LabelledCase]
    valid: Sequence[LabelledCase]
    unlabelled: Sequence[LabelledCase]
    trunk_sha256: str


def learn(
    engine: Engine,
    material: Material,
    recipe: Recipe,
    *,
    head: Path,
    work: Path,
    say: Say,
    stop: Callable[[], bool],
    use_unlabelled: bool = False,
) -> Outcome:
    """Prepare the material, train on it, and put the head into the folder `head` if it beats the one that is there.

    work: checkpoints and prepared cases; a run that was stopped goes on there. say: one line of progress at a time. stop: asked
    after every step. use_unlabelled: the semi-supervised recipe. Raises InputError when nothing can be learnt from.
    """
    cache = work / "cases"
    cases = prepare(engine, material.labelled, cache, say)
    train, valid = (cases, prepare(engine, material.valid, cache, say)) if material.valid else held_out(cases)
    unlabelled = prepare(engine, material.unlabelled, cache, say) if material.unlabelled else []
    prepared = Prepared(material.labels, train, valid, unlabelled, engine.grounder.weights_sha256)
    heads = heads_of(engine.grounder)
    start = None if heads is None else heads.organs.state_dict()  # it has seen organs: others are learnt sooner from there
    return learn_prepared(prepared, recipe, head=head, work=work, say=say, stop=stop, use_unlabelled=use_unlabelled, start=start)


def learn_prepared(
    cases: Prepared,
    recipe: Recipe,
    *,
    head: Path,
    work: Path,
    say: Say,
    stop: Callable[[], bool],
    use_unlabelled: bool = False,
    start: dict[str, torch.Tensor] | None = None,
) -> Outcome:
    """The same from cases on the network's grid. start: weights to begin from where there is no head yet."""
    taught = cases.unlabelled if use_unlabelled else []
    if use_unlabelled and not taught:
        raise InputError("The semi-supervised recipe needs images without labels beside those with labels.")
    old = _old(head, cases.trunk_sha256)

    def done(step: int, loss: float) -> bool:
        say(f"step {step}/{recipe.schedule.steps} loss {loss:.4f}")
        return stop()

    config, state = finetune(
        cases.train,
        taught,
        outputs=1 + len(cases.labels),
        recipe=recipe,
        out=work / f"run-{_digest(cases, recipe, use_unlabelled=use_unlabelled)}",
        done=done,
        start=start if old is None else old.head.state_dict(),
    )
    if stop():
        return Outcome(False, False, len(cases.train), len(cases.valid), math.nan, math.nan)
    new = _in_memory(config, state, cases)
    score = mean_dice(new, cases.valid)
    old_score = mean_dice(old, cases.valid) if old is not None and old.labels == cases.labels else math.nan
    accepted = not score <= old_score  # also without an old head, or without a case to score on
    if accepted:
        write_learnt(head, state, config, cases.labels, cases.trunk_sha256)
    best = new if accepted or old is None else old
    write_bytes(work / SCORES, json.dumps(_scores(best, cases)).encode(), "scores")
    say(f"held-out Dice {score:.4f}, before {old_score:.4f}: " + ("the new model is used" if accepted else "the old model stays"))
    return Outcome(True, accepted, len(cases.train), len(cases.valid), score, old_score)


def _old(head: Path, trunk_sha256: str) -> LearntLabels | None:
    """The head that is in use; None when there is none that reads this trunk's features."""
    try:
        held = read_learnt(head)
    except WeightsError:
        return None
    return held if held.trunk_sha256 == trunk_sha256 else None


def _in_memory(config: HeadConfig, state: dict[str, torch.Tensor], cases: Prepared) -> LearntLabels:
    model = SegmentationHead(config)
    model.load_state_dict({name: value.to(torch.bfloat16).float() for name, value in state.items()})  # as it will be stored
    return LearntLabels(frozen(model), cases.labels, cases.trunk_sha256, "")


def _digest(cases: Prepared, recipe: Recipe, *, use_unlabelled: bool) -> str:
    unlabelled = [case.name for case in cases.unlabelled] if use_unlabelled else []
    parts = [[case.name for case in cases.train], unlabelled, asdict(recipe), cases.labels]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _scores(head: LearntLabels, cases: Prepared) -> dict[str, object]:
    """For the choice of the next case: what each looks like to the trunk, and how unsure the head is of it. By file name."""
    rows: dict[str, object] = {}
    for case in (*cases.train, *cases.valid, *cases.unlabelled):
        unsure = uncertainty(head.shares(case.image_11HWD, case.cells_CABC.float())) if case.labels is None else 0.0
        feature = case.cells_CABC.float().mean(dim=(1, 2, 3))
        rows[case.image] = {"uncertainty": round(unsure, 5), "feature": [round(x, 5) for x in feature.tolist()]}
    return rows
