"""One lesion from a prompt, by the model's lesion head or by region growing where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from asap.errors import InputError
from asap.grounding import Grounding
from asap.half_maximum import outline
from asap.inference.features import StudyFeatures
from asap.inference.grounder import Grounder
from asap.inference.lesion_grid import GridPrompt, answer
from asap.inference.network_image import NetworkImages
from asap.models.load_segmentation import SegmentationHeads
from asap.pause import Pause, no_pause
from asap.prompt import Prompt
from asap.region_growing import grow
from asap.resample import Mask, Triple, in_ras_order, in_stored_order, place
from asap.segment_types import SegmentType, lesion_type
from asap.segmentation import Segment, make_segment
from asap.text.read import read_sentence
from asap.volume import Affine, Volume, apply_affine

REGION_GROWING = "region growing"
LESION_HEAD = "model, from a prompt"
HALF_MAXIMUM = "half its height above the lung"


@dataclass(frozen=True, eq=False)
class LesionSegmenter:
    """What can be said of lesions. heads: None where the model has none; then clicks are answered by region growing."""

    grounder: Grounder
    images: NetworkImages
    heads: SegmentationHeads | None

    def segment(
        self,
        volume: Volume,
        features: StudyFeatures,
        prompt: Prompt,
        *,
        name: str | None = None,
        kind: SegmentType | None = None,
        pause: Pause = no_pause,
    ) -> Segment | None:
        """The lesion a prompt speaks of, on the volume's own grid; None when nothing is there. InputError for another volume."""
        ras = volume.reoriented_to_ras()
        if not features.belongs_to(ras):
            raise InputError("The features are of another volume; encode this one first.")
        asked = prompt_in_ras_order(prompt, volume)
        found: tuple[Mask, Triple] | None = None
        source = LESION_HEAD
        if self.heads is not None:
            found = self._by_head(self.heads, ras, features, pointed_at(ras, asked), pause)
        if found is None:
            found, source = grow(ras, asked), REGION_GROWING
        mask, start = in_stored_order(*found, volume)
        if name is None and prompt.previous is not None:
            name = prompt.previous.name
        return make_segment(volume, mask, kind or _kind(prompt), source=source, name=name, start_ijk=start)

    def measure(self, volume: Volume, features: StudyFeatures, grounding: Grounding) -> Segment | None:
        """The extent of a dense lesion of the lung where a sentence is true; None when nothing there is denser than lung.

        Raises InputError for another volume.
        """
        ras = volume.reoriented_to_ras()
        if not features.belongs_to(ras):
            raise InputError("The features are of another volume; encode this one first.")
        found = outline(ras, grounding)
        if found is None:
            return None
        mask, start = in_stored_order(*found, volume)
        return make_segment(volume, mask, _kind(Prompt(grounding=grounding)), source=HALF_MAXIMUM, start_ijk=start)

    def _by_head(
        self, heads: SegmentationHeads, ras: Volume, features: StudyFeatures, prompt: Prompt, pause: Pause
    ) -> tuple[Mask, Triple] | None:
        grid = features.windows[0].grid
        image = self.images.of(ras, features)
        shape = (image.shape[2], image.shape[3], image.shape[4])
        asked = grid_prompt(
            prompt,
            ras.affine,
            voxel_affine=grid.voxel_affine,
            shape=shape,
            token_affine=grid.token_affine,
            tokens=features.tokens,
        )
        found = answer(heads.lesions, image, cells_of(features), asked, pause)
        return _on_image(found.probability, found.start, found.probability > 0.5, grid.voxel_affine, ras)


def pointed_at(ras: Volume, prompt: Prompt) -> Prompt:
    """The prompt, and where only a sentence says where: with a click of our own, which the head reads far better than heat alone.

    The click is the middle of what grows in the sentence's place, which lies in a lesion more often than the peak of the heat;
    that peak where nothing grows.
    """
    if len(prompt.inside_ras_mm()) or prompt.box is not None or prompt.previous is not None:
        return prompt
    grown, start = grow(ras, prompt)
    places_mm = _middle_ras_mm(grown, start, ras) if grown.any() else prompt.seeds_ras_mm()
    return replace(prompt, include=tuple((float(r), float(a), float(s)) for r, a, s in places_mm))


def _middle_ras_mm(mask: Mask, start: Triple, ras: Volume) -> NDArray[np.float64]:
    """The deepest voxel of a mask, [1, 3]."""
    depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=ras.spacing_mm)
    deepest = np.asarray(np.unravel_index(int(depth_mm.argmax()), depth_mm.shape)) - 1 + np.asarray(start)
    return apply_affine(ras.affine, deepest[None].astype(np.float64))


def cells_of(features: StudyFeatures) -> Tensor:
    """The trunk's features as a grid, [C, a, b, c]."""
    return features.windows[0].cells_NC.T.reshape(-1, *features.tokens)


def heat_of(grounder: Grounder, cells_CABC: Tensor, sentences: Sequence[str]) -> Tensor:
    """Where sentences are true, [S, a, b, c] in [0, 1]."""
    rows_ST = grounder.encode_sentences([read_sentence(text) for text in sentences])
    heat_SN = grounder.heat(grounder.match(rows_ST, cells_CABC.flatten(1).T))
    return heat_SN.reshape(-1, *cells_CABC.shape[1:])


def grid_prompt(
    prompt: Prompt, ras_affine: Affine, *, voxel_affine: Affine, shape: Triple, token_affine: Affine, tokens: Triple
) -> GridPrompt:
    """A prompt of a volume in RAS order, in voxels and cells of the network's grid. InputError for points outside of it."""
    to_grid = np.linalg.inv(voxel_affine)
    include, exclude = (apply_affine(to_grid, points) for points in (prompt.inside_ras_mm(), prompt.outside_ras_mm()))
    box = None
    if prompt.box is not None:
        ends = apply_affine(to_grid, np.asarray(prompt.box, dtype=np.float64))
        box = np.clip(np.stack([ends.min(axis=0), ends.max(axis=0)]), 0, np.asarray(shape) - 1.0)
        include = include if len(include) else box.mean(axis=0, keepdims=True)
    if ((include < -0.5) | (include > np.asarray(shape) - 0.5)).any():
        raise InputError("A point lies outside what the model has seen of this scan; place it nearer to the lungs.")
    heat = _heat_on_cells(prompt.grounding, token_affine, tokens) if prompt.grounding is not None else None
    previous = _previous_on_grid(prompt.previous, ras_affine, voxel_affine, shape) if prompt.previous is not None else None
    return GridPrompt(include, exclude, heat, previous, box)


def _heat_on_cells(grounding: Grounding, token_affine: Affine, tokens: Triple) -> NDArray[np.float32] | None:
    """The grounding's heat on the trunk's own cells, scaled to a highest of 1, however fine it was computed."""
    if grounding.heatmap is None or float(grounding.heatmap.max()) <= 0:
        return None
    if grounding.heatmap.shape == tokens:
        heat = grounding.heatmap
    else:
        centres = apply_affine(
            np.linalg.inv(grounding.affine) @ token_affine, np.moveaxis(np.indices(tokens), 0, -1).astype(float)
        )
        heat = ndimage.map_coordinates(grounding.heatmap, np.moveaxis(centres, -1, 0), order=1, mode="nearest")
    return np.asarray(heat / max(float(heat.max()), 1e-6), dtype=np.float32)


def _previous_on_grid(segment: Segment, ras_affine: Affine, voxel_affine: Affine, shape: Triple) -> Mask:
    """A segment in RAS order, sampled at the centres of the network's voxels."""
    whole = np.zeros(shape, dtype=np.bool_)
    own = ras_affine.copy()
    own[:3, 3] = apply_affine(ras_affine, np.asarray(segment.start_ijk, dtype=np.float64))
    placed = place(segment.mask.shape, own, shape, voxel_affine)
    if placed is not None:
        whole[placed.box] = placed.mask(segment.mask.astype(np.float32))
    return whole


def _on_image(
    probability: NDArray[np.float32], start: Triple, wanted: Mask, affine: Affine, ras: Volume
) -> tuple[Mask, Triple] | None:
    """Part of the network's grid -> the image's voxels, in a box around what is wanted of it."""
    where = np.argwhere(wanted)
    if not len(where):
        return None
    low, high = np.maximum(where.min(axis=0) - 1, 0), np.minimum(where.max(axis=0) + 2, wanted.shape)
    part = probability[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    own = affine.copy()
    own[:3, 3] = apply_affine(affine, (low + np.asarray(start)).astype(np.float64))
    placed = place(part.shape, own, ras.shape, ras.affine)
    return (placed.mask(part), placed.start_ijk) if placed is not None else None


def prompt_in_ras_order(prompt: Prompt, volume: Volume) -> Prompt:
    """The prompt with its previous segment turned into the order of the volume's RAS view."""
    if prompt.previous is None:
        return prompt
    mask, start = in_ras_order(prompt.previous.mask, prompt.previous.start_ijk, volume)
    return replace(prompt, previous=replace(prompt.previous, mask=mask, start_ijk=start))


def _kind(prompt: Prompt) -> SegmentType:
    if prompt.grounding is not None:
        return lesion_type(tuple(finding.concept for finding in prompt.grounding.sentence.findings))
    return prompt.previous.kind if prompt.previous is not None else lesion_type(())
