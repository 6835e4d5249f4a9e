"""Inference tasks for stock clients."""
