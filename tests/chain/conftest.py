"""The stories of tests/chain are mostly waiting: they run side by side, each test looks at its outcome."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.chain.host import AGAIN, patiently
from tests.chain.reactions import MEASURED, table

SIDE_BY_SIDE_N = 6

Outcomes = dict[tuple[str, str], Future[Any]]


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """Every story of the modules that have a test in this run, from their jobs(soak)."""
    modules = dict.fromkeys(
        item.module for item in request.session.items if isinstance(item, pytest.Function)
    )
    jobs = {
        (module.__name__, name): job
        for module in modules
        if hasattr(module, "jobs")
        for name, job in module.jobs(request.config.getoption("--soak")).items()
    }
    with ThreadPoolExecutor(SIDE_BY_SIDE_N) as pool:
        yield {key: pool.submit(patiently, key[1], job) for key, job in jobs.items()}


@pytest.fixture
def outcome(started: Outcomes, request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """What the job of this name has returned; raises what it has raised."""
    module = request.function.__module__
    return lambda name: started[module, name].result()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("reaction of the safety chain, by the simulated world's clock")
        for line in table():
            terminalreporter.write_line(line)
    for line in AGAIN:
        terminalreporter.write_line(f"told again, as the host was late: {line}")
