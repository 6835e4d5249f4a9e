"""The 18 findings of CT-RATE (Hamamci et al. 2024), read off a report."""

from __future__ import annotations

from asap.report import Report
from asap.text.vocabulary import FINDINGS

# Names and order as published.
CTRATE_FINDINGS: tuple[str, ...] = (
    "Medical material", "Arterial wall calcification", "Cardiomegaly", "Pericardial effusion", "Coronary artery wall calcification",
    "Hiatal hernia", "Lymphadenopathy", "Emphysema", "Atelectasis", "Lung nodule", "Lung opacity", "Pulmonary fibrotic sequela",
    "Pleural effusion", "Mosaic attenuation pattern", "Peribronchial thickening", "Consolidation", "Bronchiectasis",
    "Interlobular septal thickening",
)  # fmt: skip


def ctrate_labels(report: Report) -> dict[str, bool]:
    """Whether each CT-RATE finding is stated (present or uncertain) anywhere in `report`, in the published order."""
    stated = {
        FINDINGS[finding.concept].ctrate
        for sentence in report.sentences
        for finding in sentence.findings
        if finding.assertion != "absent"
    }
    return {name: name in stated for name in CTRATE_FINDINGS}
