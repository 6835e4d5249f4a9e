"""Views of the scene that are drawn here and shown in the browser, one JPEG after another."""

from __future__ import annotations

from typing import Any

from trame_rca.schedulers import RcaImageRenderScheduler
from trame_rca.utils import RcaViewAdapter
from trame_server.utils.asynchronous import create_task
from trame_slicer.rca_view.rca_view_factory import RcaRenderStrategy, RcaWindow
from trame_slicer.views import (
    AbstractView,
    IViewFactory,
    NoScheduleRendering,
    SliceView,
    ThreeDView,
    ViewLayoutDefinition,
    ViewType,
)

FRAMES_PER_S = 12.0  # a slice takes 40 to 80 ms without a graphics card: three views must leave time for the answers
JPEG_QUALITY = 92


class RemoteViewFactory(IViewFactory):
    """Makes views whose images go to the `remote-controlled-area` of the same name."""

    def __init__(self, trame_server: Any) -> None:
        super().__init__()
        self._trame = trame_server

    def can_create_view(self, view: ViewLayoutDefinition) -> bool:
        """Slices and 3D."""
        return view.view_type in (ViewType.SLICE_VIEW, ViewType.THREE_D_VIEW)

    def _create_view(self, view: ViewLayoutDefinition, scene: Any, app_logic: Any) -> AbstractView:
        name = view.singleton_tag
        kind = SliceView if view.view_type == ViewType.SLICE_VIEW else ThreeDView
        drawn = kind(scene=scene, app_logic=app_logic, name=name, scheduled_render_strategy=NoScheduleRendering())
        drawn.set_view_properties(view.properties)
        window = RcaWindow(drawn.render_window(), state=self._trame.state, active_view_cursor=f"cursor_{name}")
        # One quality: drawing the same slice again for a better JPEG would cost more than it shows.
        scheduler = RcaImageRenderScheduler(
            window=window,
            interactive_quality=JPEG_QUALITY,
            still_quality=JPEG_QUALITY,
            rca_encoder="jpeg",
            target_fps=FRAMES_PER_S,
        )
        adapter = RcaViewAdapter(window=window, name=name, scheduler=scheduler, do_schedule_render_on_interaction=False)
        drawn.set_scheduled_render(RcaRenderStrategy(scheduler))
        create_task(self._connect(adapter))
        return drawn

    async def _connect(self, adapter: RcaViewAdapter) -> None:
        await self._trame.ready
        self._trame.controller.rc_area_register(adapter)

    def _get_slicer_view(self, view: AbstractView) -> AbstractView:
        return view
