"""Turn a trained `asap-mini` into the packaged model: fit its confidence on held-out generated cases and write the weights.

asap-train export --run DIR --cases DIR --out asap/weights/asap-mini
asap-train export --packaged asap/weights/asap-mini --cases DIR --out asap/weights/asap-mini      its confidence alone, anew
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from asap.errors import InputError
from asap.inference.calibration import Calibration, best_log_odds, concept_of
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.grounder import MiniGrounder
from asap.inference.nodules import joined
from asap.models.load import LoadedMini, load_model
from asap.models.mini import AsapMini
from asap.models.nodule_scorer import SCORED, LoadedNoduleScorer, load_nodule_scorer, nodule_scorer_folder
from asap.models.weights import write_weights
from asap.phantom.case import retold
from asap.phantom.case_files import FILE_NAME, load_case
from asap.report import Sentence
from asap.text.read import read_sentence
from asap_training.arguments import ended_in_one_sentence
from asap_training.config import MiniRecipe
from asap_training.grounding_score import STRICT_MM, distance_mm
from asap_training.loop.checkpoint import newest_average
from asap_training.pace import Pace
from asap_training.scoring_cases import generated_case

SOURCE = "Trained from scratch by asap_training.train_mini on generated chest CTs (asap.phantom); no patient data."
LICENCE = "Apache-2.0"
SMALLEST_GROUP = 20
CALIBRATION_STREAM = 1  # wordings; scoring draws from another
# (concept, log-odds, whether the finding is there and the peak strict)
Observation = tuple[str, float, bool]


def averaged_model(run: Path, recipe: MiniRecipe) -> AsapMini:
    """The newest checkpoint's averaged weights. InputError for a folder without a run of asap_mini."""
    model = AsapMini(recipe.model)
    try:
        model.load_state_dict(newest_average(run))
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "This folder holds no checkpoint of asap_mini. Weights of other recipes need no export: they are in RUN/weights."
        ) from error
    return model


def packaged_model(folder: Path) -> tuple[AsapMini, LoadedNoduleScorer | None]:
    """The model of a folder, and the nodule scorer made for it; InputError for another architecture."""
    loaded = load_model(folder)
    if not isinstance(loaded, LoadedMini):
        raise InputError("Only the confidence of asap-mini is fitted here; these weights are of another architecture.")
    beside = nodule_scorer_folder(loaded.name, loaded.weights_sha256)
    return loaded.model, None if beside is None else load_nodule_scorer(beside)


def observations(engine: Engine, folder: Path) -> Iterator[Observation]:
    """Held-out cases: each true sentence on its scan, and on the twin without the finding, where it is false.

    The twin is what a confidence is held against: the same chest, asked about the same place. Sentences false of some chest at
    random are told more easily, and a curve fitted to them states too little of what is there.
    """
    paths = sorted(path.parent for path in folder.glob(f"case-*/{FILE_NAME}"))
    if not paths:
        raise InputError("There are no generated cases in this folder; run `asap-train generate` first.")
    pace = Pace(len(paths), "Calibrating")
    for path in paths:
        case = load_case(path)
        rng = np.random.default_rng([int(path.name.removeprefix("case-")), CALIBRATION_STREAM])
        scored = generated_case(path.name, retold(case, rng, held_out_phrasing=True))
        features, twin_features = engine.encode(scored.volume), engine.encode(scored.twin)
        for query in scored.queries:
            sentence = read_sentence(query.text)
            if not sentence.localisable:
                continue
            concept = concept_of(sentence)
            strict = distance_mm(engine.ground(features, [sentence])[0], query.region_mm) <= STRICT_MM
            yield concept, log_odds_of(engine, features, sentence), strict
            if not query.in_twin:
                yield concept, log_odds_of(engine, twin_features, sentence), False
        pace.one_more()


def log_odds_of(engine: Engine, features: StudyFeatures, sentence: Sentence) -> float:
    """What the calibration curve is read at."""
    rows_ST = engine.grounder.encode_sentences([sentence])
    window = features.windows[0]
    match_SN = joined(engine.grounder.match(rows_ST, window.cells_NC), [sentence], window.nodules_NK)
    return best_log_odds(match_SN[:, torch.from_numpy(window.grid.inside.ravel())]).item()


def fit(rows: list[Observation], own_slope: Sequence[str] = ()) -> dict[str, object]:
    """Logistic curve with a shrunken offset for each concept that was seen at least twenty times.

    own_slope: concepts that get a slope of their own and take no part in the common one, since their evidence comes from
    elsewhere too. InputError where all other sentences were hits, or none: that is too few cases, or a model that has learnt
    nothing.
    """
    counts = {name: sum(row[0] == name for row in rows) for name in sorted({row[0] for row in rows})}
    often = [name for name, count in counts.items() if count >= SMALLEST_GROUP]
    common = _curve([row for row in rows if row[0] not in own_slope], [name for name in often if name not in own_slope])
    by_concept, slopes = dict(common.by_concept), {}
    for name in (name for name in own_slope if name in often):
        alone = _curve([row for row in rows if row[0] == name], [])
        slopes[name], by_concept[name] = alone.slope, round(alone.offset - common.offset, 4)
    entry: dict[str, object] = {"slope": common.slope, "offset": common.offset, "by_concept": dict(sorted(by_concept.items()))}
    entry["observations"] = {name: counts[name] for name in sorted(by_concept)}
    return entry | ({"slopes": slopes} if slopes else {})


def _curve(rows: list[Observation], concepts: list[str]) -> Calibration:
    """One slope and one offset, and what is added for each of some concepts."""
    if len({strict for _, _, strict in rows}) < 2:
        raise InputError(
            "A confidence needs cases in which sentences are found and others in which they are not; give more cases."
        )
    x = np.zeros((len(rows), 1 + len(concepts)))
    y: NDArray[np.bool_] = np.array([row[2] for row in rows])
    for line, (concept, log_odds, _) in zip(x, rows, strict=True):
        line[0] = log_odds
        if concept in concepts:
            line[1 + concepts.index(concept)] = 1.0
    curve = LogisticRegression(C=1.0, max_iter=2000).fit(x, y)
    slope, *offsets = (float(c) for c in curve.coef_[0])
    by_concept = {name: round(offset, 4) for name, offset in zip(concepts, offsets, strict=True)}
    return Calibration(round(slope, 4), round(float(curve.intercept_[0]), 4), by_concept)


def main() -> None:
    """Parse the arguments; calibrate the newest checkpoint of a run and write the packaged weights in bfloat16."""
    parser = argparse.ArgumentParser(description="Calibrate and package asap-mini.")
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--run", type=Path, help="folder of a run; its newest averaged weights are packaged")
    weights.add_argument("--packaged", type=Path, help="folder of a packaged model; only its confidence is fitted anew")
    parser.add_argument("--cases", type=Path, required=True, help="generated cases whose seeds were not trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder of the packaged model, which `--model` then names")
    with ended_in_one_sentence():
        package(parser.parse_args())


def package(arguments: argparse.Namespace) -> None:
    """Calibrate and write. Raises InputError for a folder that holds no such model or no cases."""
    recipe = MiniRecipe()
    # Rounded to bfloat16 first: the confidence is fitted to the weights that are shipped.
    if arguments.run is None:
        model, scorer = packaged_model(arguments.packaged)
    else:
        model, scorer = averaged_model(arguments.run, recipe), None
    model = model.to(torch.bfloat16).float()
    engine = Engine(MiniGrounder(model, name="asap-mini", weights_sha256="", calibration=None, nodule_scorer=scorer))
    rows = list(observations(engine, arguments.cases))
    calibration = fit(rows, () if scorer is None else SCORED)
    print(f"{len(rows)} observations; slope {calibration['slope']}, offset {calibration['offset']}")
    manifest = write_weights(
        arguments.out,
        {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()},
        name="asap-mini",
        architecture="asap-mini",
        config=asdict(model.config),
        source=SOURCE,
        licence=LICENCE,
        calibration=calibration,
    )
    print(f"The weights are in {arguments.out}, sha256 {manifest.weights_sha256}.")


if __name__ == "__main__":
    main()
