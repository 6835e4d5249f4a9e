"""What a model is shown of generated cases: a field of view, the organs' and regions' shares of its tokens, what is said.

Axes: H W D voxels along right, anterior, superior; A B C tokens along the same; O organs, S sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import InputError
from asap.phantom.case import PhantomCase
from asap.phantom.case_files import FILE_NAME, load_case
from asap.phantom.labels import LOBES
from asap.preprocess import GridConfig, GridMap, to_network_grid
from asap_training.data.cells import cell_fractions
from asap_training.data.generated_cases import thorax_centre_ras_mm

# Classes of anatomy injection after the background (asap-method 5.2: the published list is not named).
ORGANS = (*LOBES, "heart", "aorta", "trachea")
JITTER_MM = 24.0
VIEW_STREAM = 4
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Seen:
    """One field of view, before anything of it is flipped or hidden. sided: some sentence names the left or the right.

    volume_1HWD: in [-1, 1]. organs_OABC: share of each token, of `ORGANS`. regions_SABC: of each sentence, or zeros.
    """

    volume_1HWD: Tensor
    organs_OABC: Floats
    regions_SABC: Floats
    sentences: tuple[str, ...]
    report: str
    sided: bool


@dataclass(frozen=True, eq=False)
class Keeping:
    """Fields of view that are kept in memory once made, so that data cost next to nothing: `per_case` of each case."""

    per_case: int
    made: dict[tuple[int, int], Seen]


class FieldsOfView:
    """The cases of a folder on one grid, around the point `centre_of` a case (RAS+ mm), moved by up to `jitter_mm` per axis.

    kept_per_case: draw from so many fields of view of each case and keep them; None makes a new one for every sample.
    """

    def __init__(
        self,
        folder: Path,
        grid: GridConfig,
        *,
        centre_of: Callable[[PhantomCase], NDArray[np.float64]] = thorax_centre_ras_mm,
        jitter_mm: float = JITTER_MM,
        kept_per_case: int | None = None,
    ) -> None:
        self._paths = sorted(path.parent for path in folder.glob(f"case-*/{FILE_NAME}"))
        self.grid = grid
        self._centre_of, self._jitter_mm = centre_of, jitter_mm
        self._keeping = None if kept_per_case is None else Keeping(kept_per_case, {})
        if not self._paths:
            raise InputError("There are no generated cases in this folder; run `asap-train generate` first.")

    def __len__(self) -> int:
        return len(self._paths)

    def draw(self, index: int, rng: np.random.Generator) -> Seen:
        """A field of view of case `index`, chosen by the generator."""
        keeping = self._keeping
        if keeping is None:
            return self._seen(index, rng)
        view = int(rng.integers(keeping.per_case))
        if (index, view) not in keeping.made:
            keeping.made[index, view] = self._seen(index, np.random.default_rng([VIEW_STREAM, index, view]))
        return keeping.made[index, view]

    def _seen(self, index: int, rng: np.random.Generator) -> Seen:
        case = load_case(self._paths[index])
        centre = self._centre_of(case) + rng.uniform(-self._jitter_mm, self._jitter_mm, 3)
        image_11HWD, placed = to_network_grid(case.volume, self.grid, centre_ras_mm=centre)
        return Seen(
            image_11HWD[0],
            self._shares([case.organs.get(organ) for organ in ORGANS], case, placed),
            self._shares([sentence.region for sentence in case.sentences], case, placed),
            tuple(sentence.text for sentence in case.sentences),
            case.report,
            any(sentence.side in ("left", "right") for sentence in case.sentences),
        )

    def _shares(self, masks: list[NDArray[np.bool_] | None], case: PhantomCase, placed: GridMap) -> Floats:
        tokens = self.grid.tokens
        out = np.zeros((len(masks), *tokens), dtype=np.float32)
        for share, mask in zip(out, masks, strict=True):
            if mask is not None:
                share[:] = cell_fractions(mask, case.volume.affine, placed, tokens).reshape(tokens)
        return out
