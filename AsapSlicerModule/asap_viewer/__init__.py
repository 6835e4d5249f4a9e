"""The browser work bench: one chest CT, its report and the maps of its sentences, over the logic of the Slicer module."""
