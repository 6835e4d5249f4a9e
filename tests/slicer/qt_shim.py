"""`qt`, `ctk` and Slicer's Python classes on PySide6, as PythonQt shows them, so that the module's own source runs unchanged.

PythonQt makes Qt properties attributes (`w.text`, not `w.text()`). PySide6's classes cannot be patched, so every QObject class
gets a Python subclass whose properties are attributes. Objects that Qt makes itself stay plain.
"""

from __future__ import annotations

import ctypes
import sys
import types
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtGui, QtWidgets

QWIDGETSIZE_MAX = 16777215  # Qt's own
_PLAIN = ("QCoreApplication", "QApplication", "QGuiApplication")
_KEPT_CALLABLE = {"parent", "layout", "sizeHint", "minimumSizeHint"}  # virtual methods of the same name would call themselves


def _pythonqt_class(plain: type) -> type:
    attributes: dict[str, Any] = {}
    meta = plain.staticMetaObject
    for number in range(meta.propertyCount()):
        name = meta.property(number).name()
        if name in _KEPT_CALLABLE or not hasattr(plain, name):
            continue

        def get(self: Any, name: str = name) -> Any:
            return self.property(name)

        def put(self: Any, value: Any, name: str = name) -> None:
            self.setProperty(name, value)

        attributes[name] = property(get, put)
    if issubclass(plain, QtWidgets.QWidget):

        def setVisible(self: Any, shown: bool) -> None:
            above = self.parentWidget()
            if not (hasattr(above, "takes") and above.takes(self, shown)):
                QtWidgets.QWidget.setVisible(self, shown)

        attributes["setVisible"] = setVisible
    return type(plain.__name__, (plain,), attributes)


def _qt_module() -> types.ModuleType:
    module = types.ModuleType("qt")
    for source in (QtCore, QtGui, QtWidgets):
        for name in dir(source):
            thing = getattr(source, name)
            if not name.startswith("Q") or hasattr(module, name):
                continue
            wrapped = isinstance(thing, type) and issubclass(thing, QtCore.QObject) and name not in _PLAIN
            setattr(module, name, _pythonqt_class(thing) if wrapped else thing)
    return module


def _ctk_module(qt: types.ModuleType) -> types.ModuleType:
    module = types.ModuleType("ctk")

    class ctkCollapsibleButton(qt.QGroupBox):  # type: ignore[name-defined, misc]
        """As CTK's: while it is folded its children are hidden, and what is shown or hidden among them comes to be so later."""

        contentsCollapsed = QtCore.Signal(bool)

        def __init__(self) -> None:
            super().__init__()
            self._text, self._folded = "", False
            self._wanted: dict[Any, bool] = {}

        def setText(self, text: str) -> None:
            self._text = text
            self.setTitle(f"{chr(0x25B8 if self._folded else 0x25BE)} {text}")

        @property
        def collapsed(self) -> bool:
            return self._folded

        @collapsed.setter
        def collapsed(self, folded: bool) -> None:
            if folded == self._folded:
                return
            self._folded = folded
            inside = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly)
            if folded:
                self._wanted = {child: not child.isHidden() for child in inside}
            for child in inside:
                QtWidgets.QWidget.setVisible(child, not folded and self._wanted[child])
            self.setFlat(folded)
            self.setMaximumHeight(self.fontMetrics().height() + 6 if folded else QWIDGETSIZE_MAX)
            self.setText(self._text)
            self.contentsCollapsed.emit(folded)

        def takes(self, child: Any, shown: bool) -> bool:
            """Whether a child's wish waits until the box opens."""
            if self._folded:
                self._wanted[child] = shown
            return self._folded

        def childEvent(self, event: Any) -> None:
            child = event.child()
            if event.added() and child.isWidgetType() and self._folded:
                explicit = child.testAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
                self._wanted[child] = not (explicit and child.isHidden())
                QtWidgets.QWidget.setVisible(child, False)

    module.ctkCollapsibleButton = ctkCollapsibleButton  # type: ignore[attr-defined]
    return module


class ScriptedLoadableModule:
    """Slicer's class, as far as the module uses it."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Slicer's class: a parent widget with a layout."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.layout = parent.layout()

    def setup(self) -> None:
        """Slicer adds its developer section here."""


class ScriptedLoadableModuleLogic:
    """Slicer's class."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent


def install(settings_folder: str) -> Any:
    """Make `qt`, `ctk` and `slicer.ScriptedLoadableModule` importable. Returns the QApplication."""
    import unittest

    if "qt" not in sys.modules and sys.version_info < (3, 12):
        # PySide6 drops a reference to None with each call that returns nothing; after enough of them Python 3.11 ends itself.
        ctypes.c_ssize_t.from_address(id(None)).value += 2**40
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["asap-tests", "-platform", "offscreen"])
    application.setOrganizationName("asap-tests")
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
    QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, settings_folder)
    if "qt" not in sys.modules:
        qt = _qt_module()
        sys.modules["qt"] = qt
        sys.modules["ctk"] = _ctk_module(qt)
        base = types.ModuleType("slicer.ScriptedLoadableModule")
        for thing in (ScriptedLoadableModule, ScriptedLoadableModuleWidget, ScriptedLoadableModuleLogic):
            setattr(base, thing.__name__, thing)
        base.ScriptedLoadableModuleTest = unittest.TestCase  # type: ignore[attr-defined]
        sys.modules["slicer.ScriptedLoadableModule"] = base
    return application


class SliceWidget:
    """One slice view of the layout: an interactor and its node."""

    def __init__(self, logic: Any, interactor: Any) -> None:
        self._logic, self._interactor = logic, interactor

    def sliceView(self) -> SliceWidget:
        """The view."""
        return self

    def interactor(self) -> Any:
        """Its VTK interactor."""
        return self._interactor

    def mrmlSliceNode(self) -> Any:
        """Its node."""
        return self._logic.GetSliceNode()


class LayoutManager:
    """Slicer's layout manager, as far as the module uses it."""

    def __init__(self, slice_logics: dict[str, Any]) -> None:
        import vtk

        self._widgets = {name: SliceWidget(logic, vtk.vtkGenericRenderWindowInteractor()) for name, logic in slice_logics.items()}

    def mrmlSliceLogics(self) -> Any:
        """The views' logics, as a vtkCollection."""
        import vtk

        logics = vtk.vtkCollection()
        for widget in self._widgets.values():
            logics.AddItem(widget._logic)
        return logics

    def sliceViewNames(self) -> list[str]:
        """Names of the slice views."""
        return list(self._widgets)

    def sliceWidget(self, name: str) -> SliceWidget:
        """The view of this name."""
        return self._widgets[name]


def put_scene(scene: Any, slice_logics: dict[str, Any]) -> LayoutManager:
    """Make `slicer.mrmlScene` and `slicer.app.layoutManager()` what they are in the application."""
    layouts = LayoutManager(slice_logics)
    slicer.mrmlScene = scene
    slicer.app = types.SimpleNamespace(layoutManager=lambda: layouts, connect=lambda _signal, _slot: None)
    return layouts
