"""Organs by name, all that may be a lesion, or labels of a fine-tuned model, as segments of the chosen CT. No window."""

from __future__ import annotations

from collections.abc import Callable

from asap.client import LabelModel

from .background import Work
from .cases import Plan
from .events import Event
from .i18n import _
from .logic import AsapLogic
from .served_segments import Placed, placed, put

KEY = "organs"
TASK = "segment"
# Translated one at a time when asked for. A model that has not learnt one says so.
TARGETS: dict[str, Callable[[], str]] = {
    "lungs": lambda: _("Lungs"),
    "lobes": lambda: _("Lobes of the lungs"),
    "airway": lambda: _("Airway"),
    "trachea": lambda: _("Trachea"),
    "heart": lambda: _("Heart"),
    "aorta": lambda: _("Aorta"),
    "pulmonary_artery": lambda: _("Pulmonary artery"),
    "spine": lambda: _("Spine"),
    "liver": lambda: _("Liver"),
    "spleen": lambda: _("Spleen"),
    "stomach": lambda: _("Stomach"),
    "lesions": lambda: _("Everything that may be a lesion"),
}


class Organs:
    """One logic's organs. Methods are for the GUI thread and return at once; they end in the event "segment" or "error"."""

    def __init__(self, logic: AsapLogic) -> None:
        self._logic = logic

    @property
    def offered(self) -> bool:
        """Whether the server draws organs."""
        return self._logic.session.can(TASK)

    def targets(self) -> dict[str, str]:
        """What can be asked for, key -> how it is called."""
        return {key: name() for key, name in TARGETS.items()} | {key: name for key, (name, _, _) in self._of_labels().items()}

    def draw(self, target: str) -> None:
        """Draw the segments of a target, by its key; earlier ones of the same names give way."""
        logic = self._logic
        own = self._of_labels().get(target)

        def act(work: Work, plan: Plan, study: str) -> list[Placed]:
            if own is None:
                answer = plan.client.segment(study, targets=[target], model=plan.model.name, progress=work.report, cancel=work)
                return [placed(segment, plan.source.image) for segment in answer.segments]
            _name, model, labels = own
            answer = plan.client.segment(study, targets=labels, model=model.name, progress=work.report, cancel=work)
            # Under a name of its own: the model that grounds may have drawn an organ of the same name.
            return [placed(found, plan.source.image, _of(found.name, model)) for found in answer.segments]

        logic.on_case(KEY, act, self._drawn, lambda: self.draw(target), full=own is not None)

    def _of_labels(self) -> dict[str, tuple[str, LabelModel, tuple[str, ...]]]:
        """Key -> name, model and labels of what fine-tuned models draw: each label, and all at once."""
        server = self._logic.server
        found: dict[str, tuple[str, LabelModel, tuple[str, ...]]] = {}
        for model in () if server is None else server.label_models:
            found |= {f"{model.name}/{label}": (_of(label, model), model, (label,)) for label in model.labels}
            if len(model.labels) > 1:
                found[f"{model.name}/"] = (_("All labels of {model}").format(model=model.name), model, model.labels)
        return found

    def _drawn(self, found: list[Placed]) -> None:
        logic = self._logic
        for segment in found:
            put(logic.scene, logic.volume, segment)
        names = ", ".join(segment.name for segment in found)
        told = _("Drawn by the model: {names}. Correct it where it is wrong.").format(names=names)
        logic.tell(Event("segment", told if found else _("Nothing of it was found.")))


def _of(label: str, model: LabelModel) -> str:
    return f"{label} ({model.name})"
