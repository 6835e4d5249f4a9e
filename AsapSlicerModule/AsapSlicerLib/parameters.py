"""The module's settings, kept in the scene by one script parameter node, so that a reopened scene looks as it was left."""

from __future__ import annotations

from typing import Any

MODULE = "AsapSlicerModule"
DEFAULTS = {"model": "", "fine": "0", "opacity": "0.6", "threshold": "", "legend": "1", "outline": "1", "reader": ""}
VOLUME = "Volume"


class Parameters:
    """Typed access to the parameter node. What is not set has its default; nothing here names a server or a patient."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene

    @property
    def node(self) -> Any:
        """The singleton parameter node, made on first use."""
        node = self._scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = self._scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(MODULE)
            node.SetModuleName(MODULE)
            node.SetAttribute("ModuleName", MODULE)
            node.SetName(MODULE)
            node = self._scene.AddNode(node)
        return node

    def _get(self, name: str) -> str:
        return self.node.GetParameter(name) or DEFAULTS[name]

    def _number(self, name: str, low: float, high: float) -> float | None:
        try:
            return min(max(float(self._get(name)), low), high)
        except ValueError:
            return None

    @property
    def volume(self) -> Any:
        """The chosen CT's node, or None."""
        return self.node.GetNodeReference(VOLUME)

    @volume.setter
    def volume(self, node: Any) -> None:
        self.node.SetNodeReferenceID(VOLUME, node.GetID() if node is not None else None)

    @property
    def model(self) -> str | None:
        """The chosen model's name; None is the server's default."""
        return self._get("model") or None

    @model.setter
    def model(self, name: str | None) -> None:
        self.node.SetParameter("model", name or "")

    @property
    def fine(self) -> bool:
        """Whether maps are asked for on half cells around the peak."""
        return self._get("fine") == "1"

    @fine.setter
    def fine(self, wanted: bool) -> None:
        self.node.SetParameter("fine", "1" if wanted else "0")

    @property
    def opacity(self) -> float:
        """Of the overlay, 0 to 1."""
        value = self._number("opacity", 0.0, 1.0)
        return float(DEFAULTS["opacity"]) if value is None else value

    @opacity.setter
    def opacity(self, value: float) -> None:
        self.node.SetParameter("opacity", f"{value:.4f}")

    @property
    def threshold(self) -> float | None:
        """Share of a map's peak under which nothing is drawn; None is each map's own threshold."""
        return self._number("threshold", 0.0, 1.0)

    @threshold.setter
    def threshold(self, share: float | None) -> None:
        self.node.SetParameter("threshold", "" if share is None else f"{share:.4f}")

    @property
    def legend(self) -> bool:
        """Whether the colour legend is shown."""
        return self._get("legend") == "1"

    @legend.setter
    def legend(self, shown: bool) -> None:
        self.node.SetParameter("legend", "1" if shown else "0")

    @property
    def outline(self) -> bool:
        """Whether regions are outlined at the threshold."""
        return self._get("outline") == "1"

    @outline.setter
    def outline(self, shown: bool) -> None:
        self.node.SetParameter("outline", "1" if shown else "0")

    @property
    def reader(self) -> str:
        """Who decides; stands beside every decision."""
        return self._get("reader")

    @reader.setter
    def reader(self, name: str) -> None:
        self.node.SetParameter("reader", " ".join(name.split()))
