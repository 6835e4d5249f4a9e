"""Heatmaps of trained rows side by side: the same sentences about the same held-out cases."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from asap.figures.overlay import heat_of, picture
from asap.figures.planes import AXIAL, Box, Plane
from asap.figures.windows import LUNG
from asap.inference.engine import Engine
from asap.io.atomic import write_bytes
from asap.text.read import read_sentence
from asap.volume import Volume, apply_affine
from asap_training.grounding_score import STRICT_MM, EncodedCase, ask, distance_mm
from asap_training.scoring_cases import LESION_KINDS, Query

PIXEL_MM, PANEL_INCHES = 1.5, 2.4


def write_heatmaps(path: Path, rows: Sequence[tuple[str, Engine, Sequence[EncodedCase]]]) -> None:
    """A PNG with one line per row and one column per kind of lesion, cut axially where the true region is largest.

    rows: name, model, and the same boxes encoded by it.
    """
    shown = [found for kind in sorted(LESION_KINDS) if (found := _first(kind, rows[0][2])) is not None]
    figure = Figure(figsize=(PANEL_INCHES * len(shown), PANEL_INCHES * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(rows), len(shown), squeeze=False)
    for line, (name, engine, encoded) in zip(panels, rows, strict=True):
        for panel, (number, query) in zip(line, shown, strict=True):
            volume = encoded[number].case.volume
            answer = ask(engine, encoded[number].features, read_sentence(query.text))
            plane = _through(volume, query)
            panel.imshow(picture(volume, heat_of(answer), plane, LUNG), aspect="equal")
            region = np.array([plane.pixel_of((p[0], p[1], p[2])) for p in _on_plane(query, plane)])
            panel.plot(region[:, 1], region[:, 0], ".", color="#58c4ff", markersize=0.6)
            distance = distance_mm(answer, query.region_mm)
            panel.set_title(f"{name}: {distance:.0f} mm" + (" strict" if distance <= STRICT_MM else ""), fontsize=6)
            panel.set_xlabel(query.text, fontsize=5, wrap=True)
            panel.set_xticks([])
            panel.set_yticks([])
    page = io.BytesIO()
    figure.savefig(page, dpi=110, metadata={"Software": None})
    write_bytes(path, page.getvalue(), "picture of heatmaps")


def _first(kind: str, encoded: Sequence[EncodedCase]) -> tuple[int, Query] | None:
    """Number of the first box that has a sentence about such a lesion, and the sentence."""
    asked = ((number, query) for number, entry in enumerate(encoded) for query in entry.case.queries)
    return next(((number, query) for number, query in asked if query.kind == kind and query.pooled), None)


def _through(volume: Volume, query: Query) -> Plane:
    """The slice that holds the most of the region."""
    heights_mm, voxels = np.unique(query.region_mm[:, 2], return_counts=True)
    faces = apply_affine(volume.affine, np.array([[-0.5] * 3, [n - 0.5 for n in volume.shape]]))
    low, high = ((float(i), float(j), float(k)) for i, j, k in faces)
    return Plane(AXIAL, Box(low, high), float(heights_mm[voxels.argmax()]), PIXEL_MM)


def _on_plane(query: Query, plane: Plane) -> np.ndarray:
    return query.region_mm[np.abs(query.region_mm[:, 2] - plane.depth_mm) <= PIXEL_MM]
