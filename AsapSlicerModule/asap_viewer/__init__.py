"""The browser work bench: one chest CT, its report and the maps of its sentences, over the logic of the Slicer module."""

import os

# VTK chooses its window class while it is imported: off screen, through EGL, with or without a graphics card.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
