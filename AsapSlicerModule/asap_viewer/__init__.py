"""The browser work bench: one chest CT, its report and the heatmaps of its sentences, over the same logic as the Slicer module."""
