"""Classical masks of body, lungs (left, right) and airway on a coarse grid. numpy and scipy only.

Used for the side check of a grounding, for cropping, for the chest check, and as organ masks where no model has drawn any.
Only aerated lung is found: an effusion, a consolidation or a large tumour at the edge of the lung is missing from the masks.
Everything works on the axes of the voxel grid nearest to right, anterior, superior, so an oblique volume gives the same masks
as the straight one, each voxel at its own world position.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.airway import trace_airway
from asap.pause import Pause, no_pause
from asap.volume import Affine, Volume, apply_affine, spacing_of

Mask = NDArray[np.bool_]
IN_PLANE = np.pad(ndimage.generate_binary_structure(2, 1)[:, :, None], ((0, 0), (0, 0), (1, 1)))
LungSide = Literal["left", "right"]
SIDES: tuple[LungSide, LungSide] = ("left", "right")

SEGMENTATION_PAUSES = 5
COARSE_SPACING_MM = 4.5
KEPT_SPACING_MM = 3.5
AIR_BELOW_HU = -400.0
ROOM_AIR_BELOW_HU = -935.0
PURE_GAS_BELOW_HU = -970.0
SMALLEST_LUNG_ML = 60.0
LARGEST_GAS_ML = 1500.0
ARM_MM = 55.0  # radius of no arm, and of every trunk
SPINE_ABOVE_HU = 45.0
CLOSING_MM = 8.0
LOPSIDED = 0.25
NEAR_LUNG_MM = 25.0
CLEARLY_NEARER_MM = 8.0
CLEARLY_LATERAL_MM = 35.0


@dataclass(frozen=True, eq=False)
class LungMasks:
    """Masks (i, j, k) on one coarse grid whose axes run closest to right, anterior, superior.

    affine: index -> RAS+ mm. midline: index i of the mid-sagittal plane (spine, else trachea); None when neither was found:
    then left and right are only the two halves of the image, and no point is given a side. A lung not found is an empty mask.
    """

    left: Mask
    right: Mask
    airway: Mask
    body: Mask
    affine: Affine
    midline: float | None

    @cached_property
    def _surface_mm(self) -> dict[LungSide, NDArray[np.float32]]:
        surfaces: dict[LungSide, NDArray[np.float32]] = {}
        for side in SIDES:
            mask = self.mask(side)
            shell = np.argwhere(mask & ~ndimage.binary_erosion(mask)).astype(np.float64)
            surfaces[side] = apply_affine(self.affine, shell).astype(np.float32)
        return surfaces

    def mask(self, side: LungSide) -> Mask:
        """The mask of one lung."""
        return self.left if side == "left" else self.right

    def volume_ml(self, side: LungSide) -> float:
        """Size of one lung in ml."""
        return float(self.mask(side).sum()) * float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def side_of(self, ras_mm: tuple[float, float, float] | NDArray[np.float64]) -> LungSide | None:
        """The side of a world point: of the lung within 25 mm that is clearly nearer, else of the mid-sagittal plane.

        None when neither is clear: in the mediastinum, in the spine, or where the midline is not known.
        """
        if self.midline is None:
            return None
        index = apply_affine(np.linalg.inv(self.affine), np.asarray(ras_mm, dtype=np.float64))
        gaps = {side: self._gap_mm(side, np.asarray(ras_mm), index) for side in SIDES}
        near: LungSide = "left" if gaps["left"] < gaps["right"] else "right"
        far: LungSide = "right" if near == "left" else "left"
        if gaps[near] <= NEAR_LUNG_MM and gaps[far] - gaps[near] >= CLEARLY_NEARER_MM:
            return near
        lateral_mm = (float(index[0]) - self.midline) * spacing_of(self.affine)[0]
        if abs(lateral_mm) < CLEARLY_LATERAL_MM:
            return None
        return "right" if lateral_mm > 0 else "left"

    def _gap_mm(self, side: LungSide, point: NDArray[np.float64], index: NDArray[np.float64]) -> float:
        """Distance of a point to one lung: 0 inside it, infinite when it was not found."""
        mask, cell = self.mask(side), np.rint(index).astype(np.int64)
        if (cell >= 0).all() and (cell < mask.shape).all() and mask[tuple(cell)]:
            return 0.0
        surface = self._surface_mm[side]
        return float(np.linalg.norm(surface - point, axis=1).min()) if len(surface) else np.inf

    def bounding_box_ras(self, side: LungSide) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Lowest and highest RAS+ mm coordinates of one lung's voxel centres, [3] each; None when the lung was not found."""
        points = self._surface_mm[side].astype(np.float64)
        return (points.min(axis=0), points.max(axis=0)) if len(points) else None

    def cropped_to_body(self) -> LungMasks:
        """The same masks without the air around the body, for keeping; all of it where no body was found."""
        boxes = ndimage.find_objects((self.body | self.left | self.right | self.airway).astype(np.int8))
        if not boxes:
            return self
        left, right, airway, body = (m[boxes[0]].copy() for m in (self.left, self.right, self.airway, self.body))
        start = np.array([axis.start for axis in boxes[0]], dtype=np.float64)
        affine = self.affine.copy()
        affine[:3, 3] = apply_affine(self.affine, start)
        midline = None if self.midline is None else self.midline - float(start[0])
        return LungMasks(left, right, airway, body, affine, midline)

    @property
    def thorax_centre_ras_mm(self) -> tuple[float, float, float]:
        """Centre of the box around both lungs in RAS+ mm; without lungs the centre of the body, without a body of the grid.

        Where one lung is missing or small (white, collapsed, cut off) the body says where the middle between the sides is.
        """
        whole = np.array([[0, 0, 0], np.array(self.body.shape) - 1])
        body = np.argwhere(self.body) if self.body.any() else whole
        lungs = np.argwhere(self.left | self.right)
        box = lungs if len(lungs) else body
        centre = (box.min(axis=0) + box.max(axis=0)) / 2.0
        smaller, larger = sorted((int(self.left.sum()), int(self.right.sum())))
        if smaller < LOPSIDED * larger:
            centre[0] = (body[:, 0].min() + body[:, 0].max()) / 2.0
        r, a, s = apply_affine(self.affine, centre)
        return float(r), float(a), float(s)


def segment_lungs(volume: Volume, pause: Pause = no_pause) -> LungMasks:
    """Body, left lung, right lung and airway of a CT. Never fails: what is not there comes back empty.

    pause: called between the steps, `SEGMENTATION_PAUSES` times.
    """
    hu, affine = coarse_hu(volume)
    pause()
    spacing = spacing_of(affine)
    voxel_ml = float(np.prod(spacing)) / 1000.0
    body = body_mask(hu)
    pause()
    spine = _spine(hu, body, spacing)
    air = body & (hu < AIR_BELOW_HU)
    airway = trace_airway(hu, air, spacing, spine or ((hu.shape[0] - 1) / 2.0, 0.0))
    pause()
    midline = spine[0] if spine else float(np.nonzero(airway)[0].mean()) if airway.any() else None
    lungs = _lung_components(hu, air & ~airway, voxel_ml)
    pause()
    left, right = _split(lungs, (hu.shape[0] - 1) / 2.0 if midline is None else midline, voxel_ml)
    pause()
    soft = body & ~airway
    left, right = (_closed(mask, soft, spacing) for mask in (left, right))
    both = left & right
    return LungMasks(left & ~both, right, airway, body, affine, midline)


def coarse_hu(volume: Volume) -> tuple[NDArray[np.float32], Affine]:
    """HU on a grid of 4.5 mm (axes of 3.5 mm and more stay as they are), axes closest to RAS, and its affine.

    Each cell is the mean of two samples per axis placed symmetrically about its centre, so no full-size copy is made.
    """
    ras = volume.reoriented_to_ras()
    samples = [_axis_samples(n, s) for n, s in zip(ras.shape, ras.spacing_mm, strict=True)]
    hu = np.zeros([len(axis.weights) for axis in samples], dtype=np.float32)
    for corner in itertools.product((0, 1), repeat=3):
        index = np.ix_(*(axis.index[side] for axis, side in zip(samples, corner, strict=True)))
        wi, wj, wk = (axis.weights if side else 1 - axis.weights for axis, side in zip(samples, corner, strict=True))
        weight = (wi[:, None, None] * wj[:, None] * wk).astype(np.float32)
        if weight.any():
            hu += ras.hu[index] * weight
    affine = ras.affine.copy()
    affine[:3, :3] *= [axis.step for axis in samples]
    affine[:3, 3] = apply_affine(ras.affine, np.array([axis.first for axis in samples]))
    return np.clip(hu, -1024, 3071), affine


@dataclass(frozen=True)
class _AxisSamples:
    """Where a coarse axis takes its two samples per cell: fine indices [2, cells], the second one's weight [cells]."""

    index: NDArray[np.intp]
    weights: NDArray[np.float64]
    first: float
    step: float


def _axis_samples(count: int, spacing_mm: float) -> _AxisSamples:
    step = COARSE_SPACING_MM / spacing_mm if spacing_mm < KEPT_SPACING_MM else 1.0
    cells = max(1, int(count / step + 1e-6))
    centres = (count - 1) / 2.0 + (np.arange(cells) - (cells - 1) / 2.0) * step
    if step >= 2.0:
        index, weights = np.rint(np.stack([centres - step / 4, centres + step / 4])), np.full(cells, 0.5)
    else:
        index, weights = np.stack([np.floor(centres), np.floor(centres) + 1]), centres - np.floor(centres)
    return _AxisSamples(np.clip(index, 0, count - 1).astype(np.intp), weights, float(centres[0]), step)


def body_mask(hu: NDArray[np.float32]) -> Mask:
    """Largest piece of tissue with all it encloses: the table is cut off by an in-plane opening, thin chest walls are kept."""
    tissue = hu > AIR_BELOW_HU
    body = np.asarray(ndimage.binary_dilation(body_tissue(hu), IN_PLANE) & tissue, dtype=np.bool_)
    if not body.any():
        return body
    cut_lung = _lung_cut_by_the_edge(hu, body)
    filled, enclosed = _filled_slices(body | cut_lung), _filled_slices(tissue | cut_lung)
    pieces, count = ndimage.label(enclosed & ~tissue)
    room_air = ndimage.binary_dilation(~(tissue | enclosed))
    sealed = np.ones(count + 1, dtype=bool)
    sealed[pieces[room_air]] = False
    sealed[0] = False
    return _filled_slices(filled | sealed[pieces])


def body_tissue(hu: NDArray[np.float32]) -> Mask:
    """Largest piece of tissue (i, j, k) after an in-plane opening that parts it from the table; no air, no thin walls."""
    pieces, count = ndimage.label(ndimage.binary_opening(hu > AIR_BELOW_HU, IN_PLANE))
    if count == 0:
        return np.zeros(hu.shape, dtype=bool)
    return np.asarray(pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax()), dtype=np.bool_)


def _filled_slices(mask: Mask) -> Mask:
    """The mask with every hole filled that does not reach the edge of its axial slice."""
    labels, count = ndimage.label(~mask, IN_PLANE)
    reaches_edge = np.zeros(count + 1, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reaches_edge[edge] = True
    reaches_edge[0] = False
    return np.asarray(~reaches_edge[labels], dtype=np.bool_)


def _lung_cut_by_the_edge(hu: NDArray[np.float32], body: Mask) -> Mask:
    """Lung in a cropped volume: air at a lateral edge of the image, mostly too dense for room air, with the body around it.

    What lies wholly behind the back (in front of a prone patient) is the foam of a table or a cushion.
    """
    air = hu < AIR_BELOW_HU
    labels, count = ndimage.label(air, IN_PLANE)
    rim = air & ndimage.binary_dilation(~air, IN_PLANE)
    beside_body = rim & ndimage.binary_dilation(body, IN_PLANE)
    j = np.broadcast_to(np.arange(hu.shape[1])[:, None], hu.shape)
    size, dark, around, contact, height = (
        np.bincount(labels.ravel(), weights=weight.ravel(), minlength=count + 1)
        for weight in (air, hu < ROOM_AIR_BELOW_HU, rim, beside_body, j)
    )
    edges = np.zeros((4, count + 1), dtype=bool)
    for number, edge in enumerate((labels[0], labels[-1], labels[:, 0], labels[:, -1])):
        edges[number, edge] = True
    back_j, front_j = np.quantile(np.nonzero(body)[1], (0.2, 0.8))
    on_the_table = (height < back_j * size) | ((height > front_j * size) & edges[0] & edges[1])
    is_lung = edges.any(axis=0) & ~on_the_table & (dark < 0.5 * size) & (contact > 0.5 * around)
    is_lung[0] = False
    return np.asarray(is_lung[labels], dtype=np.bool_)


def _spine(hu: NDArray[np.float32], body: Mask, spacing: tuple[float, float, float]) -> tuple[float, float] | None:
    """Indices (i, j) of the spine: the brightest column in the back half of the body; None where no column is bright enough."""
    if not body.any():
        return None
    slices = body.any(axis=(0, 1))
    bone = np.where(body, np.clip(hu - 100.0, 0.0, 400.0), 0.0)[:, :, slices].mean(axis=2)
    bone[~_trunk(body[:, :, slices].mean(axis=2) > 0.5, spacing)] = 0.0
    bone[:, int(np.median(np.nonzero(body)[1])) :] = 0.0
    column = ndimage.gaussian_filter(bone, (12.0 / spacing[0], 12.0 / spacing[1]))
    if column.max() < SPINE_ABOVE_HU:
        return None
    i, j = np.unravel_index(int(column.argmax()), column.shape)
    return float(i), float(j)


def _trunk(body: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Where a disc wider than an arm fits into the body's shadow (i, j): a humerus beside the chest is as bright as the spine.

    What the edge of the image cuts goes on behind it. The whole body where no disc fits.
    """
    margin = int(ARM_MM / min(spacing[:2])) + 2
    padded = np.pad(body, margin, mode="edge")
    fits = ndimage.distance_transform_edt(padded, sampling=spacing[:2]) > ARM_MM
    if not fits.any():
        return body
    opened = ndimage.distance_transform_edt(~fits, sampling=spacing[:2]) <= ARM_MM
    return np.asarray(opened[margin:-margin, margin:-margin] & body, dtype=np.bool_)


def _lung_components(hu: NDArray[np.float32], air: Mask, voxel_ml: float) -> Mask:
    """Air that is lung: pieces of at least 60 ml, neither pure gas nor a small piece below the lung (stomach, bowel, a fold)."""
    labels, count = ndimage.label(air)
    sizes_ml = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
    sizes_ml[0] = 0.0
    keep = sizes_ml >= SMALLEST_LUNG_ML
    if not keep.any():
        return np.zeros_like(air)
    bottom = np.quantile(np.nonzero(labels == sizes_ml.argmax())[2], 0.1)
    for number in np.nonzero(keep)[0]:
        piece = labels == number
        is_gas = sizes_ml[number] < LARGEST_GAS_ML and float(np.quantile(hu[piece], 0.25)) < PURE_GAS_BELOW_HU
        is_low = sizes_ml[number] < 0.2 * sizes_ml.max() and float(np.nonzero(piece)[2].mean()) < bottom
        keep[number] = not (is_gas or is_low)
    return np.asarray(keep[labels], dtype=np.bool_)


def _split(lungs: Mask, centre: float, voxel_ml: float) -> tuple[Mask, Mask]:
    """Left and right lung; lungs that touch are parted by erosion and grown back along the lung itself."""
    if not lungs.any():
        return lungs, lungs
    seeds = _seeds(lungs, centre, voxel_ml)
    return _grown(seeds == 1, seeds == 2, lungs)


def _seeds(lungs: Mask, centre: float, voxel_ml: float) -> NDArray[np.int8]:
    """1 in the left, 2 in the right lung, 0 where undecided: the least erosion after which no large piece spans the midline."""
    eroded = lungs
    for _ in range(6):
        labels, count = ndimage.label(eroded)
        seeds = np.zeros(lungs.shape, dtype=np.int8)
        spanning = False
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            piece = labels[box] == number
            volume_ml = float(piece.sum()) * voxel_ml
            i = np.argwhere(piece)[:, 0] + box[0].start
            right = float((i > centre).mean())
            if volume_ml > SMALLEST_LUNG_ML and 0.15 < right < 0.85:
                spanning = True
            seeds[box][piece] = 2 if right > 0.5 else 1
        if count and not spanning:
            return seeds
        eroded = ndimage.binary_erosion(eroded)
    i = np.arange(lungs.shape[0])[:, None, None]
    return np.where(lungs, np.where(i > centre, 2, 1), 0).astype(np.int8)


def _grown(left: Mask, right: Mask, lungs: Mask) -> tuple[Mask, Mask]:
    """Both seeds grown through `lungs` at the same pace until it is full; what neither reaches goes to the nearest."""
    for _ in range(8):
        free = lungs & ~left & ~right
        if not free.any():
            return left, right
        grown_left = ndimage.binary_dilation(left) & free
        grown_right = ndimage.binary_dilation(right) & free & ~grown_left
        left, right = left | grown_left, right | grown_right
    free = lungs & ~left & ~right
    if free.any() and left.any() and right.any():
        nearer_left = ndimage.distance_transform_edt(~left) <= ndimage.distance_transform_edt(~right)
        return left | (free & nearer_left), right | (free & ~nearer_left)
    return (left | free, right) if left.any() else (left, right | free)


def _closed(mask: Mask, inside: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Vessels, nodules and bays up to 8 mm of radius closed, and holes of any size that lung surrounds in an axial slice."""
    if not mask.any():
        return mask
    margins = [int(CLOSING_MM / s) + 2 for s in spacing]
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    padded = np.pad(mask[box], [(m, m) for m in margins])
    near = ndimage.distance_transform_edt(~padded, sampling=spacing) <= CLOSING_MM
    closed = ndimage.distance_transform_edt(near, sampling=spacing) > CLOSING_MM
    closed = _filled_slices(closed[tuple(slice(m, -m) for m in margins)])
    out = mask.copy()
    out[box] |= closed & inside[box]
    return out
