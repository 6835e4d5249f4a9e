"""Order, one thread, one seed. Skips are named at the end of a run; where ASAP_SKIP_IS_FAILURE is set (in CI) they fail it."""

from __future__ import annotations

import os
import sys

import hypothesis
import pytest

from tests.slicer import translations

# As in the servers that tests start: their answers are compared bit by bit. Before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same examples in every run, and no limit of time for one: `tests/fuzz` is where further ones are looked for.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")
# Before any test imports the module's sources, which bind Slicer's translator once.
translations.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first: what is left for the end is quick, and no core waits long for the other's last file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Untrained weights and random inputs are the same in every run, whatever ran before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out and why."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"left out: {report.nodeid}: {reason}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    """Turn a skip into a failure in continuous integration."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("ASAP_SKIP_IS_FAILURE") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their argument: gzip writes the time, and two workers must agree on every test's name."""
    return argname if isinstance(val, bytes) else None
