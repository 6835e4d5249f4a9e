"""Turn a trained `asap-mini` into the packaged model: fit its confidence on held-out generated cases and write the weights.

asap-train export --run DIR --cases DIR --out asap/weights/asap-mini
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from asap.grounding import Grounding
from asap.inference.calibration import best_log_odds, concept_of
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.grounder import MiniGrounder
from asap.models.mini import AsapMini
from asap.models.weights import write_weights
from asap.phantom.case import PhantomCase, absent_queries, retold
from asap.phantom.case_files import load_case
from asap.phantom.sentences import PhantomSentence
from asap.report import Sentence
from asap.text.read import read_sentence
from asap.volume import apply_affine
from asap_training.config import MiniRecipe
from asap_training.grounding_score import STRICT_MM, distance_mm
from asap_training.loop.checkpoint import newest_average

SOURCE = "Trained from scratch by asap_training.train_mini on generated chest CTs (asap.phantom); no patient data."
LICENCE = "Apache-2.0"
SMALLEST_GROUP = 20


def averaged_model(run: Path, recipe: MiniRecipe) -> AsapMini:
    """The newest checkpoint's averaged weights."""
    model = AsapMini(recipe.model)
    model.load_state_dict(newest_average(run))
    return model


def observations(engine: Engine, folder: Path) -> Iterator[tuple[str, float, bool]]:
    """(concept, log-odds, finding there and peak strict) over held-out cases: true sentences, and as many false ones."""
    for path in sorted(folder.glob("case-*")):
        case = load_case(path)
        rng = np.random.default_rng(int(path.name.removeprefix("case-")))
        features = engine.encode(case.volume)
        told = [s for s in retold(case, rng, held_out_phrasing=True).sentences if s.region is not None and s.region.any()]
        yield from (_observed(engine, features, s, case) for s in told if read_sentence(s.text).localisable)
        false = absent_queries(case, rng, len(told), held_out_phrasing=True)
        yield from (_observed(engine, features, s, case) for s in false if read_sentence(s.text).localisable)


def _observed(engine: Engine, features: StudyFeatures, phrase: PhantomSentence, case: PhantomCase) -> tuple[str, float, bool]:
    sentence = read_sentence(phrase.text)
    answer = engine.ground(features, [sentence])[0]
    return concept_of(sentence), log_odds_of(engine, features, sentence), _strict(answer, phrase, case)


def log_odds_of(engine: Engine, features: StudyFeatures, sentence: Sentence) -> float:
    """What the calibration curve is read at."""
    rows_ST = engine.grounder.encode_sentences([sentence])
    window = features.windows[0]
    match_SN = engine.grounder.match(rows_ST, window.cells_NC)[:, torch.from_numpy(window.grid.inside.ravel())]
    return best_log_odds(match_SN).item()


def _strict(answer: Grounding, phrase: PhantomSentence, case: PhantomCase) -> bool:
    if phrase.region is None:
        return False
    region_mm = apply_affine(case.volume.affine, np.argwhere(phrase.region).astype(np.float64))
    return distance_mm(answer, region_mm) <= STRICT_MM


def fit(rows: list[tuple[str, float, bool]]) -> dict[str, object]:
    """Logistic curve with a shrunken offset for each concept that was seen at least twenty times."""
    counts = {name: sum(row[0] == name for row in rows) for name in {row[0] for row in rows}}
    concepts = sorted(name for name, count in counts.items() if count >= SMALLEST_GROUP)
    x = np.zeros((len(rows), 1 + len(concepts)))
    y: NDArray[np.bool_] = np.array([row[2] for row in rows])
    for line, (concept, log_odds, _) in zip(x, rows, strict=True):
        line[0] = log_odds
        if concept in concepts:
            line[1 + concepts.index(concept)] = 1.0
    curve = LogisticRegression(C=1.0, max_iter=2000).fit(x, y)
    slope, *offsets = (float(c) for c in curve.coef_[0])
    by_concept = {name: round(offset, 4) for name, offset in zip(concepts, offsets, strict=True)}
    return {
        "slope": round(slope, 4),
        "offset": round(float(curve.intercept_[0]), 4),
        "by_concept": by_concept,
        "observations": {name: counts[name] for name in concepts},
    }


def main() -> None:
    """Calibrate the newest checkpoint of a run and write the packaged weights in bfloat16."""
    parser = argparse.ArgumentParser(description="Calibrate and package asap-mini.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--cases", type=Path, required=True, help="generated cases whose seeds were not trained on")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = MiniRecipe()
    # Rounded to bfloat16 first: the confidence is fitted to the weights that are shipped.
    model = averaged_model(arguments.run, recipe).to(torch.bfloat16).float()
    engine = Engine(MiniGrounder(model, name="asap-mini", weights_sha256="", calibration=None))
    rows = list(observations(engine, arguments.cases))
    calibration = fit(rows)
    print(f"{len(rows)} observations; slope {calibration['slope']}, offset {calibration['offset']}")
    manifest = write_weights(
        arguments.out,
        {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()},
        name="asap-mini",
        architecture="asap-mini",
        config=asdict(recipe.model),
        source=SOURCE,
        licence=LICENCE,
        calibration=calibration,
    )
    print(f"sha256 {manifest.weights_sha256}")


if __name__ == "__main__":
    main()
