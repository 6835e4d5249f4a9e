"""Heatmaps of trained rows side by side: the same sentences about the same held-out cases."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from asap.figures.overlay import heat_of, picture
from asap.figures.planes import AXIAL, Plane, body_box
from asap.figures.windows import LUNG
from asap.inference.engine import Engine
from asap.io.atomic import write_bytes
from asap.text.read import read_sentence
from asap.volume import Volume
from asap_training.grounding_score import STRICT_MM, ask, distance_mm
from asap_training.scoring_cases import LESION_KINDS, Query, ScoringCase

PIXEL_MM, PANEL_INCHES = 1.5, 2.4


def write_heatmaps(path: Path, engines: Sequence[tuple[str, Engine]], cases: Sequence[ScoringCase]) -> None:
    """A PNG with one line per row and one column per kind of lesion, cut axially through the middle of the true region."""
    shown = [found for kind in sorted(LESION_KINDS) if (found := _first(kind, cases)) is not None]
    figure = Figure(figsize=(PANEL_INCHES * len(shown), PANEL_INCHES * len(engines)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(engines), len(shown), squeeze=False)
    for line, (name, engine) in zip(panels, engines, strict=True):
        for panel, (case, query) in zip(line, shown, strict=True):
            answer = ask(engine, engine.encode(case.volume), read_sentence(query.text))
            plane = _through(case.volume, query)
            panel.imshow(picture(case.volume, heat_of(answer), plane, LUNG), aspect="equal")
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


def _first(kind: str, cases: Sequence[ScoringCase]) -> tuple[ScoringCase, Query] | None:
    return next(((case, query) for case in cases for query in case.queries if query.kind == kind and query.pooled), None)


def _through(volume: Volume, query: Query) -> Plane:
    """The slice of the region that lies nearest to its middle."""
    heights_mm = query.region_mm[:, 2]
    nearest = heights_mm[np.abs(heights_mm - np.median(heights_mm)).argmin()]
    return Plane(AXIAL, body_box(volume), float(nearest), PIXEL_MM)


def _on_plane(query: Query, plane: Plane) -> np.ndarray:
    return query.region_mm[np.abs(query.region_mm[:, 2] - plane.depth_mm) <= PIXEL_MM]
