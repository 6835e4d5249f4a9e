"""What `asap report`, `asap ask` and `asap classify` take on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Classify:
    """Say how probable each of the 18 CT-RATE findings is in a chest CT."""

    volume: Positional[Annotated[Path, arg(metavar="VOLUME")]]
    """NIfTI, NRRD or a folder with one DICOM series."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for labels.json."""
    model: Annotated[str, arg(metavar="NAME")] = "asap-mini"
    """Name of a model, or a folder with weights."""
    json: bool = False
    """Print the answer as JSON on standard output."""


@dataclass(frozen=True)
class Ask:
    """Answer a question about a chest CT, and show what the answer rests on."""

    volume: Positional[Annotated[Path, arg(metavar="VOLUME")]]
    """NIfTI, NRRD or a folder with one DICOM series."""
    question: Positional[Annotated[str, arg(metavar="QUESTION")]]
    """For example "Is there a nodule in the right upper lobe?", "Where is the effusion?", "How large is the mass?"."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for answer.json, heatmaps, regions and pictures."""
    model: Annotated[str, arg(metavar="NAME")] = "asap-mini"
    """Name of a model, or a folder with weights."""
    json: bool = False
    """Print the answer as JSON on standard output."""


@dataclass(frozen=True)
class Report:
    """Draft a report of a chest CT; every sentence is tied to a place and a confidence."""

    volume: Positional[Annotated[Path, arg(metavar="VOLUME")]]
    """NIfTI, NRRD or a folder with one DICOM series."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for report.json, report.md, report.png, heatmaps, regions and pictures."""
    model: Annotated[str, arg(metavar="NAME")] = "asap-mini"
    """Name of a model, or a folder with weights."""
    threshold: Annotated[float, arg(metavar="P")] = 0.3
    """Sentences less probable than this are held back."""
    decoder: Annotated[Path | None, arg(metavar="DIR")] = None
    """Let a fine-tuned report decoder write, instead of sentences made of what is found; each is checked all the same."""
    language: Annotated[Path | None, arg(metavar="DIR")] = None
    """With --decoder: the language model its adapters belong to."""
    json: bool = False
    """Print the draft as JSON on standard output."""
