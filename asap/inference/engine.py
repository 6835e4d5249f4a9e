"""`Engine`: encode a case once, then answer any sentence about it. Used by the command line, the server and the tests alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asap.chest import chest_check
from asap.drafts import Draft, FindingLabel
from asap.errors import NotChestError, OutputError
from asap.grounding import Grounding
from asap.inference.answering import Answerer, Measure
from asap.inference.calibration import Calibration
from asap.inference.course import Course, Progress, Stage, no_progress
from asap.inference.drafting import DEFAULT_THRESHOLD, claims_of, claims_of_text, draft_of, sizes_by
from asap.inference.feature_store import FeatureStore, settings_digest
from asap.inference.features import FeatureCache, ShiftedCells, StudyFeatures
from asap.inference.finding_curves import Curves, curves_of_grounding
from asap.inference.finding_readers import FindingReaders
from asap.inference.grounder import Grounder
from asap.inference.lesions import LesionSegmenter
from asap.inference.network_image import NetworkImages
from asap.inference.organs import OrganSegmenter
from asap.inference.presence import ctrate_probabilities
from asap.inference.sentence_grounding import SentenceGrounding
from asap.inference.sought_lesions import sought_lesions
from asap.lungs import SEGMENTATION_PAUSES, LungMasks, segment_lungs
from asap.models.load_segmentation import SegmentationHeads
from asap.pause import Pause, no_pause
from asap.preprocess import to_network_grid
from asap.prompt import Prompt
from asap.questions import Answer
from asap.report import Sentence
from asap.segment_types import LESIONS_TARGET, SegmentType, organ_keys
from asap.segmentation import Segment, Segmentation
from asap.text.questions import read_question
from asap.volume import HASHED_ROWS, Volume, apply_affine, corner_indices

WHOLE = ((0, 0, 0),)
HALF_CELL_SHIFTS = tuple((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))
# Usual seconds on two cores; only their ratios matter, for the share of the work that is reported.
HASH_S_PER_VOXEL = 1.0e-8
RESAMPLE_S_PER_VOXEL = 0.5e-8
LUNGS_S = 0.25


class Engine:
    """One model with its caches. Methods may be called from several threads; the model itself runs on the caller's thread.

    store: where encoded cases are kept on disk, beside the ones kept in memory. curves: of findings,
    fitted to this model; None takes those of its grounding. segmentation: its heads; None leaves classical lungs and region
    growing.
    """

    def __init__(
        self,
        grounder: Grounder,
        store: FeatureStore | None = None,
        curves: Curves | None = None,
        segmentation: SegmentationHeads | None = None,
    ) -> None:
        self.grounder = grounder
        self.cases = FeatureCache()
        self.store = store
        self._images = NetworkImages(grounder.grid)
        self.organs = OrganSegmenter(self._images, segmentation)
        self.lesions = LesionSegmenter(grounder, self._images, segmentation)
        calibration = Calibration.from_manifest(grounder.calibration) if grounder.calibration is not None else None
        self._settings = settings_digest(grounder)
        self.findings = FindingReaders(grounder, curves_of_grounding(calibration) if curves is None else curves)
        self._sentences = SentenceGrounding(grounder, calibration, self.findings)

    def encode(
        self,
        volume: Volume,
        *,
        fine: bool = False,
        owner: str | None = None,
        frugal: bool = False,
        progress: Progress = no_progress,
        between_blocks: Pause = no_pause,
    ) -> StudyFeatures:
        """Features of a case, from memory or from the store when it was seen before, however it was stored.

        fine: eight fields of view shifted by half a cell, for a map twice as fine. owner: whose upload this is; nobody else
        meets its features, and `forget` drops them. frugal: in small pieces, slower, where memory was short. progress: gets
        the stage and the share of the work done, which never falls. between_blocks: called every quarter of a second of work
        or oftener; what it raises (`Cancelled`) ends the work with nothing kept.
        Raises NotChestError when the volume does not look like a chest CT.
        """
        ras = volume.reoriented_to_ras()
        shifts = HALF_CELL_SHIFTS if fine else WHOLE
        course = Course(self._stages(ras, len(shifts)), progress, between_blocks)
        course.begin_next()
        identity = ras.identified(course.pause)
        features = self._known(ras, identity, fine=fine, owner=owner)
        if features is None:
            lungs = self._lungs(ras, course)
            encoded = [self._encode_window(ras, lungs, shift, course, frugal=frugal) for shift in shifts]
            windows, (_, correction_NK) = tuple(window for window, _ in encoded), encoded[0]
            grid, digest = self.grounder.grid, self.grounder.weights_sha256
            body = lungs.cropped_to_body()
            features = StudyFeatures(identity, ras.affine, ras.shape, digest, grid.tokens, windows, body, correction_NK)
            self._keep(features, owner)
        course.finish()
        return features

    def forget(self, owner: str, identity: str | None = None) -> None:
        """Drop what is kept of an owner's case (by its identity), or of all of an owner's cases, in memory and on disk."""
        self.cases.forget(owner, identity)
        self._images.forget(identity)
        if self.store is not None:
            self.store.forget(owner, identity)

    def coverage_corners_ras_mm(self, features: StudyFeatures) -> NDArray[np.float64]:
        """Corners of the box the model saw, [8, 3] RAS+ mm, at the outer faces of its outermost voxels.

        The last axis of the grid runs fastest. The box may reach beyond the image, where the model saw its reflection.
        """
        a, b, c = self.grounder.grid.shape
        corners = corner_indices((a + 1, b + 1, c + 1)) - 0.5
        return apply_affine(features.windows[0].grid.voxel_affine, corners)

    def ground(self, features: StudyFeatures, sentences: Sequence[Sentence]) -> list[Grounding]:
        """One answer per sentence, in order. A sentence that names nothing to show gets its reason and no map."""
        return self._sentences.ground(features, sentences)

    def segment(
        self,
        volume: Volume,
        targets: Sequence[str] = ("lungs",),
        *,
        owner: str | None = None,
        progress: Progress = no_progress,
        between_blocks: Pause = no_pause,
    ) -> Segmentation:
        """Organs of a chest CT without a prompt, on the volume's own grid; what was not found is left out.

        targets: keys of `segment_types.ORGANS`, groups of them, or "lesions" for every lesion there is. owner, progress,
        between_blocks: as of `encode`. Raises NotChestError, and InputError for a target this model has not learnt.
        """
        keys = organ_keys(tuple(target for target in targets if target != LESIONS_TARGET))
        self.organs.require(keys)
        features = self.encode(volume, owner=owner, progress=progress, between_blocks=between_blocks)
        return self.segment_encoded(volume, features, targets, progress=progress, between_blocks=between_blocks)

    def segment_encoded(
        self,
        volume: Volume,
        features: StudyFeatures,
        targets: Sequence[str],
        *,
        progress: Progress = no_progress,
        between_blocks: Pause = no_pause,
    ) -> Segmentation:
        """The same for a case that is encoded. Raises InputError for a target this model has not learnt."""
        keys = organ_keys(tuple(target for target in targets if target != LESIONS_TARGET))
        self.organs.require(keys)
        result = self.organs.segment(volume, features, keys, progress=progress, pause=between_blocks)
        if LESIONS_TARGET in targets:
            result = replace(result, segments=(*result.segments, *self._sought(volume, features, progress, between_blocks)))
        return result

    def segment_prompted(
        self,
        volume: Volume,
        features: StudyFeatures,
        prompt: Prompt,
        *,
        name: str | None = None,
        kind: SegmentType | None = None,
        between_blocks: Pause = no_pause,
    ) -> Segment | None:
        """One lesion from clicks, strokes, a box or a sentence's grounding, on the volume's own grid; None when nothing is there.

        features: of this volume, from `encode`. prompt: everything said so far, with the segment as it stands. name, kind: by
        default what the grounding's sentence, else the previous segment, says.
        """
        return self.lesions.segment(volume, features, prompt, name=name, kind=kind, pause=between_blocks)

    def classify(self, features: StudyFeatures) -> tuple[FindingLabel, ...]:
        """Probabilities of the 18 CT-RATE findings, in their published order; None where the model is not calibrated."""
        return ctrate_probabilities(self.findings.of(features).scan())

    def ask(
        self, features: StudyFeatures, question: str, volume: Volume | None = None, *, between_blocks: Pause = no_pause
    ) -> Answer:
        """The answer to a question, with its evidence grounded. volume: the case's image, for questions about a size.

        Raises InputError for an empty question, LimitError for one that is too long.
        """
        asked = read_question(question)
        ground, measure = partial(self.ground, features), self._measure(features, volume, between_blocks)
        return Answerer(self.findings.of(features), ground, features.weights_sha256, measure).answer(asked)

    def draft(
        self,
        features: StudyFeatures,
        volume: Volume | None = None,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        progress: Progress = no_progress,
        between_blocks: Pause = no_pause,
    ) -> Draft:
        """A drafted report whose every sentence is grounded. volume: the case's image, for sizes.

        threshold: probability under which a sentence is held back. progress, between_blocks: as of `encode`.
        """
        reader = self.findings.of(features)
        estimates = reader.scan()
        ground, measure = partial(self.ground, features), self._measure(features, volume, between_blocks)
        return draft_of(
            claims_of(estimates, sizes_by(ground, measure, estimates, progress), reader.asked),
            ctrate_probabilities(estimates),
            ground,
            threshold=threshold,
            author="findings",
            weights_sha256=features.weights_sha256,
        )

    def draft_written(self, features: StudyFeatures, text: str, author: str, *, threshold: float = DEFAULT_THRESHOLD) -> Draft:
        """What a writer (`asap.inference.writers`) wrote of this case, every sentence grounded and checked like our own.

        Raises InputError for a text without words.
        """
        reader = self.findings.of(features)
        return draft_of(
            claims_of_text(text, reader),
            ctrate_probabilities(reader.scan()),
            partial(self.ground, features),
            threshold=threshold,
            author=author,
            weights_sha256=features.weights_sha256,
        )

    def _sought(self, volume: Volume, features: StudyFeatures, progress: Progress, pause: Pause) -> tuple[Segment, ...]:
        def outline(grounding: Grounding) -> Segment | None:
            return self.segment_prompted(volume, features, Prompt(grounding=grounding), between_blocks=pause)

        reader = self.findings.of(features)
        return sought_lesions(volume, reader, partial(self.ground, features), outline, progress=progress, pause=pause)

    def _measure(self, features: StudyFeatures, volume: Volume | None, between_blocks: Pause) -> Measure | None:
        """Measures the lesion a grounding shows; None without the image."""
        if volume is None:
            return None

        def measure(grounding: Grounding) -> Segment | None:
            between_blocks()
            return self.lesions.measure(volume, features, grounding)

        return measure

    def _stages(self, ras: Volume, windows: int) -> list[Stage]:
        voxels, cost = float(np.prod(ras.shape)), self.grounder.cost
        look = Stage("encoding the volume", RESAMPLE_S_PER_VOXEL * voxels, self.grounder.grid.shape[2])
        return [
            Stage("recognising the case", HASH_S_PER_VOXEL * voxels, -(-ras.shape[0] // HASHED_ROWS)),
            Stage("looking for the lungs", LUNGS_S, SEGMENTATION_PAUSES + 1),
            *[look, Stage("encoding the volume", cost.seconds, cost.pauses)] * windows,
        ]

    def _known(self, ras: Volume, identity: str, *, fine: bool, owner: str | None) -> StudyFeatures | None:
        features = self.cases.find(ras, identity, fine=fine, owner=owner)
        if features is None and self.store is not None:
            features = self.store.find(ras, identity, self._settings, fine=fine, owner=owner)
            if features is not None:
                self.cases.add(features, owner)
        return features

    def _keep(self, features: StudyFeatures, owner: str | None) -> None:
        self.cases.add(features, owner)
        if self.store is not None:
            with suppress(OutputError):  # a full disk costs the next start an encoding, and nobody an answer
                self.store.add(features, self._settings, owner=owner)

    def _lungs(self, ras: Volume, course: Course) -> LungMasks:
        """Lungs of a chest; NotChestError for anything else."""
        course.begin_next()
        lungs = segment_lungs(ras, course.pause)
        check = chest_check(ras, lungs)
        course.pause()
        if not check.is_chest:
            raise NotChestError(check.reason or "This does not look like a chest CT.")
        return lungs

    def _encode_window(
        self, ras: Volume, lungs: LungMasks, shift: tuple[int, int, int], course: Course, *, frugal: bool
    ) -> tuple[ShiftedCells, Tensor | None]:
        cell = self.grounder.grid.cell
        voxels = (shift[0] * cell[0] // 2, shift[1] * cell[1] // 2, shift[2] * cell[2] // 2)
        centre = np.asarray(lungs.thorax_centre_ras_mm)
        course.begin_next()
        image, grid = to_network_grid(ras, self.grounder.grid, centre_ras_mm=centre, shift_voxels=voxels, pause=course.pause)
        course.begin_next()
        encoded = self.grounder.encode_image(image, pause=course.pause, frugal=frugal)
        return ShiftedCells(shift, encoded.cells_NC, grid, encoded.calcium_NK, encoded.nodules_NK), encoded.correction_NK
