"""What `asap segment` takes; apart from the command itself, so that other commands start without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg


@dataclass(frozen=True)
class SegmentCommand:
    """Segment organs, or the lesion that a sentence or points speak of."""

    volume: Positional[Annotated[Path, arg(metavar="VOLUME")]]
    """NIfTI, NRRD or a folder with one DICOM series."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for segments.json, label maps and a picture."""
    targets: Annotated[str | None, arg(metavar="NAME,...")] = None
    """Organs, for instance lungs,heart,aorta. Without these and without a lesion's place: all organs the model knows."""
    sentence: Annotated[str | None, arg(metavar="TEXT")] = None
    """A sentence of the report; its finding is segmented where it is true."""
    point: UseAppendAction[Annotated[tuple[str, ...], arg(metavar="R,A,S")]] = ()
    """A point inside the lesion in RAS millimetres; may be given again. Write --point=-84,31,112 where it begins with a minus."""
    exclude: UseAppendAction[Annotated[tuple[str, ...], arg(metavar="R,A,S")]] = ()
    """A point outside the lesion; may be given again."""
    box: Annotated[str | None, arg(metavar="R,A,S,R,A,S")] = None
    """Two opposite corners of a box along the scan's own axes; nothing outside it belongs to the lesion."""
    scribble: UseAppendAction[Annotated[tuple[str, ...], arg(metavar="'R,A,S R,A,S ...'")]] = ()
    """A line inside the lesion, from point to point; may be given again."""
    exclude_scribble: UseAppendAction[Annotated[tuple[str, ...], arg(metavar="'R,A,S R,A,S ...'")]] = ()
    """A line outside the lesion; may be given again."""
    model: Annotated[str, arg(metavar="NAME")] = "asap-mini"
    """Name of a model, or a folder with weights: a model's, or those of a fine-tuned UNETR."""
    json: bool = False
    """Print the segments as JSON on standard output."""
