"""Pictures a person reads: one overview per sentence, one sheet per report. matplotlib is imported on the first picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from asap.figures.doubt import NO_DOUBTS, NO_PROBABILITIES, Doubt
from asap.grounding import Grounding
from asap.io.atomic import write_bytes
from asap.segmentation import Segmentation
from asap.volume import Volume


def overview_png(volume: Volume, grounding: Grounding, path: Path) -> None:
    """Write one sentence's overview: three planes through the peak with the heatmap, or a mosaic and the reason without one.

    Raises OutputError when the file cannot be written.
    """
    from asap.figures.overview import overview  # noqa: PLC0415 - matplotlib takes half a second to import

    write_bytes(path, overview(volume, grounding), "overview")


def report_png(
    volume: Volume,
    groundings: Sequence[Grounding],
    path: Path,
    doubts: Mapping[int, Doubt] = NO_DOUBTS,
    probabilities: Mapping[int, float] = NO_PROBABILITIES,
) -> None:
    """Write the sheet of a whole report: every sentence with a place as a numbered card, the others listed with their reason.

    doubts: what a draft says of sentences it does not stand by, by index; they are marked. probabilities: of the draft's own
    sentences, shown in place of the confidence in their places.
    Raises OutputError when the file cannot be written.
    """
    from asap.figures.report_sheet import report_sheet  # noqa: PLC0415 - as above

    write_bytes(path, report_sheet(volume, groundings, doubts, probabilities), "report overview")


def segments_png(volume: Volume, result: Segmentation, path: Path) -> None:
    """Write the picture of a segmentation that has at least one segment. Raises OutputError when the file cannot be written."""
    from asap.figures.segments_sheet import segments_sheet  # noqa: PLC0415 - as above

    write_bytes(path, segments_sheet(volume, result), "picture of the segments")
