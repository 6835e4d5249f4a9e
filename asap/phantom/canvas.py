"""`Canvas`: a working copy of a generated body onto which findings are painted, each with its exact region."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from asap.phantom.anatomy import Anatomy
from asap.phantom.labels import LABELS
from asap.phantom.shapes import Box, Field, Mask, Window, window_around, window_on
from asap.report import Side
from asap.volume import spacing_of

LOBES: dict[int, tuple[Side, str]] = {
    LABELS["right_upper_lobe"]: ("right", "upper_lobe"),
    LABELS["right_middle_lobe"]: ("right", "middle_lobe"),
    LABELS["right_lower_lobe"]: ("right", "lower_lobe"),
    LABELS["left_upper_lobe"]: ("left", "upper_lobe"),
    LABELS["left_lower_lobe"]: ("left", "lower_lobe"),
}


@dataclass(frozen=True, eq=False)
class PlacedFinding:
    """One lesion and where it is.

    concept: finding id. side: the patient's side, None for unpaired organs. anatomy: lobe or organ id, None if it spans several.
    size_mm: largest extent (of fluid: thickness). region: (i, j, k) bool, voxels with more than half of the lesion's full effect.
    contrast_hu: mean change of HU inside the region. modifiers: words that describe it ("spiculated").
    """

    concept: str
    side: Side | None
    anatomy: str | None
    size_mm: float | None
    region: Mask
    contrast_hu: float
    modifiers: tuple[str, ...] = ()


@dataclass(eq=False)
class Canvas:
    """Clean HU being changed. `occupied` marks what no later lesion may overwrite or be placed in."""

    anatomy: Anatomy
    hu: Field = field(init=False)
    occupied: Mask = field(init=False)
    spacing_mm: float = field(init=False)

    def __post_init__(self) -> None:
        self.hu = self.anatomy.hu.copy()
        self.occupied = np.zeros(self.anatomy.labels.shape, dtype=np.bool_)
        self.spacing_mm = spacing_of(self.anatomy.affine)[0]
        self._boxes: dict[tuple[str, ...], Box | None] = {}
        self._depths: dict[Side, tuple[Window, Field] | None] = {}

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(i, j, k) values of LABELS."""
        return self.anatomy.labels

    @property
    def blood_hu(self) -> float:
        """HU of blood in this body."""
        return 40.0 + self.anatomy.contrast_hu

    def window(self, centre_ijk: NDArray[np.float64], reach_mm: float) -> Window:
        """The voxels around a point, with a margin of two voxels for soft edges."""
        return window_around(self.labels.shape, self.spacing_mm, centre_ijk, reach_mm + 2 * self.spacing_mm)

    def window_of(self, *names: str, margin_mm: float = 0.0) -> Window | None:
        """The bounding box of the named labels; offsets count from its low corner. None when nothing carries them."""
        box = self.box_of(*names)
        return None if box is None else window_on(self.labels.shape, self.spacing_mm, box, margin_mm)

    def box_of(self, *names: str) -> Box | None:
        """Bounding box of the named labels, or None."""
        if names not in self._boxes:
            self._boxes[names] = bounding_box(self.anatomy.mask(*names))
        return self._boxes[names]

    def where(self, box: Box, *names: str) -> Mask:
        """Voxels of the box that carry one of the named labels and are free."""
        return np.asarray(_lookup(*names)[self.labels[box]] & ~self.occupied[box], dtype=np.bool_)

    def lung(self, box: Box, side: Side | None = None) -> Mask:
        """Free voxels of the box in the lung of one side (both for None)."""
        return self.where(box, *lobes_of(side))

    def random_voxel(
        self, rng: np.random.Generator, *names: str, max_depth_mm: float | None = None
    ) -> NDArray[np.float64] | None:
        """A point uniform over the volume of the free voxels with the named labels, [3] indices; None if there is none."""
        box = self.box_of(*names)
        if box is None:
            return None
        free = self.where(box, *names)
        if max_depth_mm is not None:
            free &= self.anatomy.pleural_depth_mm[box] <= max_depth_mm
        candidates = np.flatnonzero(free)
        if candidates.size == 0:
            return None
        index = np.unravel_index(int(rng.choice(candidates)), free.shape)
        start = np.array([s.start for s in box], dtype=np.float64)
        return start + np.array(index, dtype=np.float64) + rng.uniform(-0.5, 0.5, 3)

    def label_at(self, ijk: NDArray[np.float64]) -> int:
        """Label of the voxel a point lies in."""
        i, j, k = np.clip(np.rint(ijk).astype(int), 0, np.array(self.labels.shape) - 1)
        return int(self.labels[i, j, k])

    def centroid(self, *names: str, side: Side | None = None) -> NDArray[np.float64] | None:
        """Mean voxel index of the named labels, of one half of the body if `side` is given; None if there are none."""
        box = self.box_of(*names)
        if box is None:
            return None
        index = np.argwhere(_lookup(*names)[self.labels[box]]) + np.array([s.start for s in box])
        if side is not None:
            middle = self.midline_i
            index = index[index[:, 0] > middle] if side == "right" else index[index[:, 0] < middle]
        return np.asarray(index.mean(axis=0), dtype=np.float64) if len(index) else None

    def depth_below_pleura(self, side: Side) -> tuple[Window, Field] | None:
        """Window of one lung and the distance (mm) of its voxels to wall, diaphragm or mediastinum; None without a lung.

        Unlike `Anatomy.pleural_depth_mm` at full resolution, and thin structures that enter the lung (bronchi, vessels) do not
        count as its surface: the outside is opened by two voxels first.
        """
        if side not in self._depths:
            self._depths[side] = self._measure_depth(side)
        return self._depths[side]

    def _measure_depth(self, side: Side) -> tuple[Window, Field] | None:
        window = self.window_of(*lobes_of(side), margin_mm=3 * self.spacing_mm)
        if window is None:
            return None
        lung = _lookup(*lobes_of(side))[self.labels[window.box]]
        outside = ~lung
        for smallest in (ndimage.minimum_filter1d, ndimage.maximum_filter1d):
            for axis in range(3):
                outside = smallest(outside, 5, axis=axis, mode="nearest")
        distance = ndimage.distance_transform_edt(lung | ~outside, sampling=self.spacing_mm)
        return window, np.maximum(distance - self.spacing_mm / 2, 0).astype(np.float32)

    @property
    def midline_i(self) -> float:
        """Index along i of the body's middle: the spine's box, or the grid's middle."""
        box = self.box_of("spine")
        return (box[0].start + box[0].stop - 1) / 2 if box else (self.labels.shape[0] - 1) / 2

    def hilum(self, side: Side) -> NDArray[np.float64]:
        """Where the bronchi enter the lung of one side: the lateral end of the main bronchi, or the lung's medial middle."""
        box = self.box_of(*lobes_of(side))
        centre = self.centroid("main_bronchi", side=side)
        if centre is not None:
            return centre
        if box is None:
            return np.array(self.labels.shape, dtype=np.float64) / 2
        medial = box[0].start if side == "right" else box[0].stop
        return np.array([medial, (box[1].start + box[1].stop) / 2, (box[2].start + box[2].stop) / 2], dtype=np.float64)

    def paint(
        self, box: Box, cover: Field, target_hu: Field | float, *, solid: bool = False, least: float = 0.5
    ) -> tuple[Mask, float]:
        """Blend HU towards target_hu by `cover` and return (region on the whole grid, mean change inside it).

        The region is where the cover exceeds `least` times its maximum. solid: later lesions must stay out of the region.
        """
        before = self.hu[box]
        change = cover * (np.asarray(target_hu, dtype=np.float32) - before)
        self.hu[box] = before + change
        inside = cover > least * max(float(cover.max(initial=0.0)), 1e-6)
        region = np.zeros(self.labels.shape, dtype=np.bool_)
        region[box] = inside
        if solid:
            self.occupied[box] |= inside
        return region, float(change[inside].mean()) if inside.any() else 0.0

    def close_rim(self, region: Mask, hu: float) -> None:
        """Fill the voxels that touch a dense lung lesion from outside the lung and hold part of the air it has replaced.

        A body's surface voxels carry the wall's label and a mixture of wall and lung; airways and other hollow organs stay.
        """
        tight = bounding_box(region)
        if tight is None:
            return
        box = window_on(self.labels.shape, self.spacing_mm, tight, self.spacing_mm).box
        ring = ndimage.binary_dilation(region[box]) & ~_lookup(*lobes_of(None), *HOLLOW)[self.labels[box]]
        part = self.hu[box]
        self.hu[box] = np.where(ring & (part < hu), np.float32(hu), part)


HOLLOW = ("background", "trachea", "main_bronchi", "esophagus", "stomach", "table")


def _lookup(*names: str) -> Mask:
    """[256] True at the values of the named labels."""
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[[LABELS[name] for name in names]] = True
    return wanted


def lobes_of(side: Side | None) -> tuple[str, ...]:
    """Label names of the lobes of one side; of both for None or "bilateral"."""
    right = ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe")
    left = ("left_upper_lobe", "left_lower_lobe")
    return right if side == "right" else left if side == "left" else right + left


def bounding_box(mask: Mask) -> Box | None:
    """Smallest box that holds every True voxel; None for an empty mask."""
    plane = mask.any(axis=0)  # whole planes at a time: a tenth of the time of any other axis first
    rows, columns = (_extent(plane.any(axis=axis)) for axis in (1, 0))
    if rows is None or columns is None:
        return None
    first = _extent(mask[:, rows, columns].any(axis=(1, 2)))
    return None if first is None else (first, rows, columns)


def _extent(line: NDArray[np.bool_]) -> slice | None:
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else None
