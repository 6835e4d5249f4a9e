"""How far the drawn heat lies from the place it belongs to, in mm, measured through Slicer's own reslice.

A soft ball is drawn into a CT of each geometry. The CT goes the way of a real case: resampled by the module, cut into the
model's cells by `asap.preprocess`, packed for the wire, shown by the module over the CT. In three slice views the centre of
what Slicer draws of the heat is compared with the centre of what it draws of the CT.
`python -m tests.benchmarks.slicer_alignment` prints the table.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
sys.path.append(str(Path(__file__).parents[2] / "AsapSlicerModule"))

from AsapSlicerLib import volume_nodes
from AsapSlicerLib.heat_maps import heat_map
from AsapSlicerLib.heatmap_display import HeatmapDisplay
from AsapSlicerLib.resample import resample_for_model

from asap.client import HeatmapBox
from asap.models.mini import MINI_GRID
from asap.preprocess import to_network_grid
from asap.volume import Volume, apply_affine
from tests.slicer.scene import SlicerScene, resliced
from tests.volumes import oriented

LIMIT_MM = 0.5
SIGMA_MM = 22.0
OFF_CENTRE_MM = (4.7, -3.1, 5.3)
VIEW_MM, VIEW_PIXELS = 100.0, 200  # the view stays inside the volume: Slicer draws 0 HU outside


@dataclass(frozen=True)
class Geometry:
    """affine: voxel index -> RAS mm of the CT. parents: transforms above the volume, innermost first."""

    name: str
    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    parents: tuple[NDArray[np.float64], ...] = ()


def turned(axis: int, degrees: float) -> NDArray[np.float64]:
    """Rotation about a world axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    out = np.eye(4)
    a, b = [n for n in range(3) if n != axis]
    out[a, a], out[a, b], out[b, a], out[b, b] = c, -s, s, c
    return out


def moved(r: float, a: float, s: float) -> NDArray[np.float64]:
    """Translation."""
    out = np.eye(4)
    out[:3, 3] = r, a, s
    return out


def geometries() -> list[Geometry]:
    """The kinds of volume a radiologist brings."""
    shape, fine = (120, 110, 90), (2.5, 2.5, 3.0)
    plain = oriented((1, 1, 1), fine, shape)
    thick_shape = (240, 220, 30)
    thick = oriented((-1, -1, 1), (1.2, 1.2, 9.0), thick_shape)
    permuted = plain[:, [2, 0, 1, 3]]
    shear = np.eye(4)
    shear[1, 2] = np.tan(np.radians(15))
    cropped = plain.copy()
    cropped[:3, 3] = apply_affine(plain, np.array([7.0, 11.0, 5.0]))
    return [
        Geometry("identity (RAS)", shape, plain),
        Geometry("as DICOM stores it (LPS)", shape, oriented((-1, -1, 1), fine, shape)),
        Geometry("all axes flipped", shape, oriented((-1, -1, -1), fine, shape)),
        Geometry("sagittal acquisition", (90, 120, 110), permuted),
        Geometry("oblique, two axes", shape, moved(12.3, -7.7, 31.1) @ turned(2, 17) @ turned(0, 9) @ plain),
        Geometry("anisotropic 1.2 x 1.2 x 9 mm", thick_shape, thick),
        Geometry("tilted 20 degrees", thick_shape, turned(0, 20) @ thick),
        Geometry("cropped", (105, 95, 80), cropped),
        Geometry("under a transform", shape, plain, (moved(30, -20, 10) @ turned(1, 12),)),
        Geometry("under nested transforms", shape, plain, (turned(2, 8), moved(-15, 25, 5) @ turned(0, -14))),
        Geometry("gantry tilt as a shear transform", thick_shape, thick, (shear,)),
    ]


def ball(geometry: Geometry, centre_ras_mm: NDArray[np.float64]) -> NDArray[np.int16]:
    """Water in air: a soft ball at a place of the volume's own frame, HU."""
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float64) for n in geometry.shape), indexing="ij"), axis=-1)
    squared = ((apply_affine(geometry.affine, index) - centre_ras_mm) ** 2).sum(axis=-1)
    return np.rint(-1000 + 1900 * np.exp(-squared / (2 * SIGMA_MM**2))).astype(np.int16)


def box_from_server(voxels: NDArray[np.int16], affine: NDArray[np.float64]) -> HeatmapBox:
    """Mean brightness of every cell of the model's grid, packed as the server packs heat."""
    image, grid = to_network_grid(Volume(voxels, affine), MINI_GRID)
    a, b, c = MINI_GRID.tokens
    p, q, r = MINI_GRID.cell
    cells = image[0, 0].reshape(a, p, b, q, c, r).mean(dim=(1, 3, 5)).numpy()
    heat = np.where(grid.inside, (cells + 1) / 2, 0)
    peak = float(heat.max())
    levels = np.rint(heat / peak * 63).astype(np.uint8)
    rows = tuple(tuple(float(x) for x in row) for row in grid.token_affine)
    return HeatmapBox((a, b, c), rows, (a, b, c), (0, 0, 0), peak, 0.5 * peak, levels.tobytes())


def alignment_mm(geometry: Geometry) -> float:
    """Largest distance between the drawn CT's ball and the drawn heat over three slice views, mm."""
    slicer_scene = SlicerScene()
    centre = apply_affine(geometry.affine, (np.asarray(geometry.shape) - 1) / 2) + np.array(OFF_CENTRE_MM)
    node = slicer_scene.volume(ball(geometry, centre), geometry.affine)
    parent = None
    for matrix in reversed(geometry.parents):
        parent = slicer_scene.transform(matrix, parent)
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    source = volume_nodes.source_image(node)
    upload = resample_for_model(source.voxels_ijk, source.affine_ras_mm, MINI_GRID.spacing_mm)
    display = HeatmapDisplay(slicer_scene.scene)
    box = box_from_server(upload.voxels_ijk, upload.affine_ras_mm)
    display.show(heat_map(box), node, share=0.0, opacity=0.6, legend=False)
    world = display.jump(node, tuple(centre))
    worst = max(_view_error_mm(logic, world) for logic in slicer_scene.slice_logics.values())
    slicer_scene.close()
    return worst


def _view_error_mm(logic: Any, world: tuple[float, float, float]) -> float:
    slice_node = logic.GetSliceNode()
    slice_node.SetDimensions(VIEW_PIXELS, VIEW_PIXELS, 1)
    slice_node.SetFieldOfView(VIEW_MM, VIEW_MM, 1)
    slice_node.JumpSliceByCentering(*world)
    ct = resliced(logic, "background")
    heat = resliced(logic, "foreground")
    pixel_mm = VIEW_MM / VIEW_PIXELS
    return float(np.linalg.norm(_centre(ct + 1000) - _centre(heat)) * pixel_mm)


def _centre(image: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = np.clip(image / image.max() - 0.35, 0, None)
    rows, columns = np.indices(image.shape)
    return np.array([(weight * rows).sum(), (weight * columns).sum()]) / weight.sum()


def main() -> None:
    """Print the table."""
    print("heatmap alignment through Slicer's reslice, mm (bar: 0.5)")
    for geometry in geometries():
        print(f"{geometry.name:36s} {alignment_mm(geometry):6.3f}")


if __name__ == "__main__":
    main()
