"""Processes of tests that begin with their imports made: seconds of torch, MONAI and the rest, paid for once a test process."""

from __future__ import annotations

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
# One list for all tests: a process has one fork server.
CONTEXT.set_forkserver_preload(["tests.server.start_imports", "tests.training.processes"])
