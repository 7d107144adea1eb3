"""pytest fixtures for whoever tests against our interfaces: a simulated board, its EV, and the clock of both.

    def test_an_ev_is_seen(board, ev, clock):
        ev.plug_in()
        clock.sleep(1.0)
        assert board.pilot_in.read().high_v == pytest.approx(9.0, abs=0.5)

Rule 1: no time passes but by clock.sleep(); the same test gives the same world.
Rule 2: `board` is a hal.interfaces.Board, with the coil gate of a real one: without heartbeat no contactor.
"""

from collections.abc import Iterator

import pytest

from hal.sim.board import SimBoard
from hal.sim.lines import ConnectorType, Lines
from hal.sim.world import World
from hal.types import MeterReading

MARKER = "evse(outlet='socket' | 'cable', ampacity_a=32, bursts=False): what fixture board simulates"
OUTLETS = {"socket": ConnectorType.SOCKET, "cable": ConnectorType.CABLE}
START_S = 1000.0


class SimClock:
    """hal.interfaces.Clock; sleeping is what makes the world go on."""

    def __init__(self, world: World) -> None:
        self._world, self._now_s = world, START_S
        world.advance(START_S)

    def now_s(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds
        self._world.advance(self._now_s)


class SimEv:
    """The EV, its cable and who handles it. Each call takes effect within the next clock.sleep().

    world is the rest: what may break (contactor, lock, rcd), the meter, mains, rails and temperatures.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def plug_in(self) -> None:
        self.world.plug_in()

    def unplug(self) -> None:
        """The plug leaves a socket only when it is unlocked."""
        self.world.unplug()

    def request_power(self, current_a: float = 16.0, phases: int = 3) -> None:
        """Close S2 as soon as the pilot offers something, and draw no more than that."""
        self.world.ev.request_power(current_a, phases)

    def pause(self) -> None:
        """Open S2, stay plugged."""
        self.world.ev.pause()

    @property
    def cp_state(self) -> str:
        """A to F, as EV and cable make it."""
        return self.world.ev.letter(self.world.cable.connected)

    @property
    def current_a(self) -> float:
        """Per phase, flowing now."""
        return self.world.ev.current_a

    @property
    def powered(self) -> bool:
        """The power contacts are closed."""
        return self.world.contactor.closed

    @property
    def meter(self) -> MeterReading:
        return self.world.meter_values()


class _Simulation:
    def __init__(self, outlet: str = "socket", ampacity_a: int = 32, bursts: bool = False) -> None:
        lines = Lines.in_memory()
        self.world = World(lines, cable_ampacity_a=ampacity_a, connector_type=_outlet(outlet))
        self.clock = SimClock(self.world)
        self.board = SimBoard(lines, self.clock, ideal_pilot=not bursts)


def _outlet(name: str) -> ConnectorType:
    if name not in OUTLETS:
        raise pytest.UsageError(f"marker evse: outlet {name!r}, expected one of {', '.join(OUTLETS)}")
    return OUTLETS[name]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def _evse(request: pytest.FixtureRequest) -> Iterator[_Simulation]:
    marker = request.node.get_closest_marker("evse")
    simulation = _Simulation(**marker.kwargs) if marker else _Simulation()
    yield simulation
    simulation.board.close()


@pytest.fixture
def board(_evse: _Simulation) -> SimBoard:
    """A simulated board, claimed and safe; closed, and so safe again, after the test."""
    return _evse.board


@pytest.fixture
def ev(_evse: _Simulation) -> SimEv:
    """The EV at the outlet of fixture board."""
    return SimEv(_evse.world)


@pytest.fixture
def clock(_evse: _Simulation) -> SimClock:
    """The time of fixture board."""
    return _evse.clock
