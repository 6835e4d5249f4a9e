"""How the four views look at the CT: window, slab, crosshair, and what lies under the mouse. Not the maps."""

from __future__ import annotations

from typing import Any

from AsapSlicerLib import volume_nodes
from AsapSlicerLib.volume_nodes import Point

from .rows import place_text
from .scene import WINDOWS, StudyScene

SLAB_MM = 10.0


class Views:
    """State of the views and what changes it. On the scene's thread."""

    def __init__(self, scene: StudyScene) -> None:
        self.window = "lung"
        self.crosshair = True
        self.slab = False
        self.pointer: Point | None = None
        self._scene = scene
        self._pointed = False

    def opened(self) -> None:
        """Another CT is shown."""
        self.window, self.pointer, self._pointed = "lung", None, False

    def set_window(self, name: str) -> None:
        """One of `scene.WINDOWS`."""
        if name in WINDOWS:
            self.window = name
            self._scene.show_window(name)

    def toggle_slab(self) -> None:
        """Show the brightest of 10 mm in every slice, in which vessels and nodules differ best, or single slices."""
        self.slab = not self.slab
        self._scene.show_slab(SLAB_MM if self.slab else 0.0)

    def toggle_crosshair(self) -> None:
        """Mark the point the slices were brought to, or not."""
        self.crosshair = not self.crosshair

    def moved(self, place: Point, together: bool) -> None:
        """The mouse is at a place, world RAS+ mm; together: every view goes there."""
        self.pointer = place
        if together and self._scene.volume_node is not None:
            self._pointed = True
            self._scene.go_to(place)

    def mark(self, peak_shown: bool) -> None:
        """Bring the crosshair up to date: at the shown peak or where the mouse led, else nowhere."""
        self._scene.show_crosshair(self.crosshair and (peak_shown or self._pointed))

    def snapshot(self) -> dict[str, Any]:
        """What the page shows of it, by the names the page uses."""
        shown = self._scene.window_shown()
        preset = next((name for name, one in WINDOWS.items() if shown == (one.width_hu, one.centre_hu)), "")
        return {
            "window_name": preset,
            "window_text": "" if shown is None else f"W {shown[0]:.0f} \u00b7 L {shown[1]:.0f}",
            "crosshair": self.crosshair,
            "slab": self.slab,
            "pointer_text": self._pointer_text(),
        }

    def _pointer_text(self) -> str:
        node = self._scene.volume_node
        value = None if node is None or self.pointer is None else volume_nodes.value_at(node, self.pointer)
        return "" if value is None or self.pointer is None else f"{place_text(self.pointer)} \u00b7 {value:.0f} HU"
