"""Aorta, pulmonary arteries, cavae, azygos and pulmonary veins of a generated chest."""

from __future__ import annotations

import numpy as np

from asap.phantom.labels import LABELS
from asap.phantom.scene import Point, Scene
from asap.phantom.solids import smooth_curve, tube_depth

Tube = tuple[list[Point], list[float]]


def paint_tube(scene: Scene, tube: Tube, hu: float, label: str, cover_mm: float | None = 2.5) -> None:
    """Paint a smooth tube through knots (mm) with radii (mm) spread evenly along it.

    cover_mm: tissue between the tube and the lung; None leaves the lung alone.
    """
    knots, radii = tube
    curve = smooth_curve(np.asarray(knots), float(np.clip(0.6 * min(radii), 2.2, 5.5)))
    sizes = np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(radii)), radii)
    reach = 3.0 if cover_mm is None else 9.0
    box, depth = tube_depth(scene.frame, curve, sizes + reach)
    distance = np.float32(reach) - depth
    if cover_mm is not None:
        scene.middle.include(box, distance, cover_mm)
    scene.canvas.paint(box, distance, hu, LABELS[label])


def paint_great_vessels(scene: Scene) -> None:
    """All large vessels; widths and courses vary a little."""
    width = float(scene.rng.uniform(12.5, 17.0))
    for tube in _veins(scene):
        paint_tube(scene, tube, scene.blood.vein, "vena_cava")
    for tube in _pulmonary_arteries(scene, width):
        paint_tube(scene, tube, scene.blood.right, "pulmonary_artery")
    front, heart_z = scene.heart.centre_mm[1], scene.heart.centre_mm[2]
    for side, z in ((1, -34.0), (1, -58.0), (-1, -28.0), (-1, -52.0)):
        end = (side * 52.0 - 4, front - 24.0 + _jig(scene, 3), z)
        paint_tube(scene, ([(side * 22.0, front - 26.0, heart_z + 14), end], [7.0, 4.0]), scene.blood.left, "mediastinum", 1.0)
    for tube in _aorta(scene, width):
        paint_tube(scene, tube, scene.blood.left, "aorta")


def _jig(scene: Scene, deviation_mm: float = 1.5) -> float:
    """A small normal displacement, mm."""
    return float(scene.rng.normal(0, deviation_mm))


def _veins(scene: Scene) -> list[Tube]:
    """Superior cava with both brachiocephalic veins, inferior cava, azygos."""
    front, heart_z = scene.heart.centre_mm[1], scene.heart.centre_mm[2]
    superior: list[Point] = [
        (27 + _jig(scene), front - 2, 62),
        (27 + _jig(scene), front - 6, 10),
        (32, front - 6, heart_z + 28),
    ]
    inferior: list[Point] = [
        (26, front - 22, heart_z - 20),
        (24, front - 30, heart_z - 52),
        (22, scene.front_of_spine(-170, 16), -170),
        (20, scene.front_of_spine(-250, 12), -250),
    ]
    azygos: list[Point] = [(7.0, scene.front_of_spine(z, 1), z) for z in (-190.0, -110.0, -40.0, 5.0)]
    azygos += [(20.0, scene.front_of_spine(12, 14), 14.0), (25.0, front - 4, 12.0)]
    return [
        (superior, [7.5, 9.5, 10.5]),
        ([(27, front - 4, 58), (2, front + 16, 54), (-30, front + 8, 64), (-62, front - 8, 78)], [7.0, 6.5, 6.0, 5.5]),
        ([(27, front - 4, 60), (40, front - 4, 70), (66, front - 12, 82)], [7.0, 6.5, 5.5]),
        (inferior, [11.5, 11.5, 11.5, 11.5]),
        (azygos, [3.0, 4.5]),
    ]


def _pulmonary_arteries(scene: Scene, width: float) -> list[Tube]:
    """Trunk, right artery behind the ascending aorta, left artery over the left bronchus."""
    front, heart_z = scene.heart.centre_mm[1], scene.heart.centre_mm[2]
    trunk: list[Point] = [(-16, front + 24, heart_z + 26), (-22, front + 16, -14), (-20, front + 2, 0)]
    right: list[Point] = [(-18, front + 2, -4), (6, front - 8, -12), (32, front - 16, -18), (52, front - 22, -26)]
    left: list[Point] = [(-20, front + 2, 0), (-36, front - 14, 4), (-46, front - 30, -6), (-50, front - 36, -26)]
    return [
        (trunk, [width * 0.95, width * 0.95, width * 0.85]),
        (right, [width * 0.8, 10.5, 9.5, 8.0]),
        (left, [width * 0.8, 11.0, 10.0, 8.5]),
    ]


def _aorta(scene: Scene, width: float) -> list[Tube]:
    """Ascending aorta, arch over the left bronchus, descent left of the spine; three arch branches."""
    front, heart_z = scene.heart.centre_mm[1], scene.heart.centre_mm[2]
    arch_z, sway, down_x = 32 + _jig(scene, 4), _jig(scene, 4), -24 + _jig(scene, 2)
    course: list[Point] = [
        (2.0, front + 2, heart_z + 18),
        (13 + _jig(scene), front + 12, -18.0),
        (12 + _jig(scene), front + 10, 10.0),
        (4.0, front - 2, arch_z),
        (-14.0, 0.5 * (front + scene.front_of_spine(arch_z, 2)), arch_z + 3),
        (down_x, scene.front_of_spine(20, -2), 16.0),
        (down_x, scene.front_of_spine(-20, -4), -20.0),
        (down_x + sway, scene.front_of_spine(-75, -2), -75.0),
        (down_x * 0.7 + sway, scene.front_of_spine(-130, 4), -130.0),
        (-6.0, scene.front_of_spine(-190, 12), -190.0),
        (-3.0, scene.front_of_spine(-260, 12), -260.0),
    ]
    shares = (1.0, 1.06, 1.04, 0.95, 0.9, 0.84, 0.82, 0.8, 0.76, 0.68)
    right: list[Point] = [(4, front - 2, arch_z + 8), (16, front - 8, 70), (34, front - 16, 100), (40, front - 18, 160)]
    carotid: list[Point] = [(-8, front - 10, arch_z + 8), (-18, front - 14, 80), (-24, front - 14, 160)]
    subclavian: list[Point] = [
        (-18, scene.front_of_spine(40, 12), arch_z + 6),
        (-30, scene.front_of_spine(70, 8), 74),
        (-48, front - 24, 96),
        (-90, front - 24, 92),
    ]
    return [
        (course, [width * share for share in shares]),
        (right, [7.0, 6.0, 4.5]),
        (carotid, [4.5, 4.0]),
        (subclavian, [5.5, 5.0]),
    ]
