"""The place an answer rests on: drawn as heat and outline in the chosen CT, jumped to, and said in words. No window."""

from __future__ import annotations

from asap.client import SentenceAnswer

from .colours import OUTLINE_COLOUR
from .heat_maps import heat_map
from .heatmap_display import Outline
from .i18n import _
from .logic import AsapLogic


def draw_place(logic: AsapLogic, place: SentenceAnswer, *, jump: bool = True) -> bool:
    """Draw one place in the chosen CT and go there. False when it has no map: then nothing is drawn."""
    view, volume = logic.view, logic.volume
    view.clear()
    if place.map is None or place.peak_ras_mm is None or volume is None:
        return False
    heat, parameters = heat_map(place.map, place.fine_map), logic.parameters
    share = view.share(heat)
    view.display.show(heat, volume, share=share, opacity=parameters.opacity, legend=parameters.legend)
    view.display.outline([Outline(place.text, heat, share, OUTLINE_COLOUR)], volume)
    if jump:
        view.display.jump(volume, place.peak_ras_mm)
    return True


def words_of_place(place: SentenceAnswer) -> str:
    """What a reader is told beside it."""
    if place.map is None or place.peak_ras_mm is None:
        return place.reason or _("The model shows no place for this answer.")
    if place.confidence is None:
        return _("The place is shown; this model states no confidence.")
    return _("The place is shown; confidence {percent} %.").format(percent=round(100 * place.confidence))
