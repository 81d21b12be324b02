"""What every test shares: how hypothesis looks for counterexamples, and the figures that some tests have to show.

Fixtures stand beside the tests that use them.
"""

import os

import pytest
from hypothesis import settings

from tests import time_limits

FIGURES = "figures"
"""The name under which a test records (`record_property`) a line that the end of the run is to show."""

# No deadline: a law is about what is so, not about how fast this machine is. The same examples in every run: a change
# answers for what it breaks. `make soak` looks for new ones.
settings.register_profile("house", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("soak", settings.get_profile("house"), derandomize=False, max_examples=5_000)
settings.load_profile("house")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes a core for `-n auto`: the tests that take long wait for a daemon, and not for a processor."""
    return 2 * (os.cpu_count() or 1)


class FailuresAtOnce:
    """Names each failure when it happens: a run that is cut off before its end has named those until then."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.line("")  # after the dots of those before
            self._terminal.write_line(f"failed {report.when}: {report.nodeid}, after {report.duration:.1f} s", red=True)
            for line in report.longreprtext.splitlines()[-8:]:
                self._terminal.write_line(f"    {line}")


@pytest.hookimpl(trylast=True)  # after the terminal reporter is there
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(time_limits, "time-limits")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    is_worker = hasattr(config, "workerinput")  # its reports are shown by the process that started it
    if terminal is not None and not is_worker:
        config.pluginmanager.register(FailuresAtOnce(terminal), "failures-at-once")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests counted, whichever process they ran in."""
    told = [
        f"{report.nodeid}: {value}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == FIGURES
    ]
    if told:
        terminalreporter.section("figures")
        for line in told:
            terminalreporter.line(line)
