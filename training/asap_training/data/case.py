"""One case on its way into the cache: the files and texts a data set names, before anything is read."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from asap_training.data.json_digest import digest_of

Split = Literal["train", "valid"]
SPLITS: tuple[Split, ...] = ("train", "valid")
NOT_GIVEN = ("", "not given", "not given.")


@dataclass(frozen=True)
class StoredValues:
    """What a table beside the images says of their numbers and size: HU = slope * stored + intercept.

    spacing_mm: distance of the voxels along the file's axes, where the file's own header is not to be trusted.
    """

    slope: float
    intercept: float
    spacing_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class RawCase:
    """A volume with its report. name: as the data set calls it; it is only ever kept as a digest (rule R7).

    volume: NIfTI, NRRD or DICOM folder. mask: label image of organs, if the data set has one. stored: None where the file
    holds HU and its own geometry. regions: label image in which n is where the n-th sentence of the findings is true. Cases of
    one patient share `patient`.
    """

    name: str
    volume: Path
    findings: str
    impression: str
    patient: str
    split: Split
    mask: Path | None = None
    stored: StoredValues | None = None
    regions: Path | None = None

    @property
    def case(self) -> str:
        """The case's name in the cache: a digest of its name in the data set."""
        return name_digest(self.name)

    @property
    def source(self) -> str:
        """Digest of everything the cached case is made from; the images by their size."""
        texts = (self.findings, self.impression, self.patient, self.split)
        paths = (self.volume, self.mask, self.regions)
        files = [path.stat().st_size if path is not None and path.exists() else -1 for path in paths]
        return digest_of([*texts, *files, None if self.stored is None else asdict(self.stored)])

    @property
    def texts(self) -> tuple[str, str]:
        """(findings, whole report) as the published method reads them (asap-method 1.6); both empty where nothing was written.

        The report is findings and impression, or the findings alone where no impression is given. Where there are only
        impressions, they are the findings.
        """
        findings, impression = (text.strip() for text in (self.findings, self.impression))
        given = impression.lower() not in NOT_GIVEN
        if findings.lower() in NOT_GIVEN:
            return (impression, impression) if given else ("", "")
        return findings, f"{findings} {impression}" if given else findings


def name_digest(name: str) -> str:
    """128 bits of sha256 of a name, as hex."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
