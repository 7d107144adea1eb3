import pytest

from tests.chain.reactions import MEASURED, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("reaction of the safety chain, by the simulated world's clock")
        for line in table():
            terminalreporter.write_line(line)
