"""Control's parts around a gateway that is a real socket, and a board whose lines note their changes."""

from pathlib import Path

import msgspec

from evsed.control.handover import HandOver
from evsed.control.sampling import Sampler
from evsed.core.commands import Command, Request
from evsed.core.events import Event
from evsed.link import messages as m
from evsed.link.channel import Channel, ChannelClosed, listen
from hal.sim.board import SimBoard
from hal.sim.lines import Lines
from hal.sim.world import World
from hal.types import CpReading, Led, LockDrive, Missing, PpReading, RailsReading

TICK_S = 0.01


class Clock:
    """Moves when somebody sleeps; the world, if there is one, moves along."""

    def __init__(self, world: World | None = None) -> None:
        self.at_s = 1000.0
        self._world = world

    def now_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds
        if self._world:
            self._world.advance(self.at_s)


class Gateway:
    """The other end: accepts one connection after the other and stores what it is told to."""

    def __init__(self, path: Path, stored_n: int = 0) -> None:
        self._listener = listen(str(path))
        self._channel: Channel[m.FromControl] | None = None
        self.stored_n = stored_n
        self.received: list[m.FromControl] = []

    def accept(self) -> None:
        sock, _ = self._listener.accept()
        self._channel = Channel(sock, m.FromControl)

    def receive(self) -> list[m.FromControl]:
        """What has come since the last time."""
        assert self._channel
        new = []
        try:
            while (message := self._channel.receive()) is not None:
                new.append(message)
        except ChannelClosed:
            self.hang_up()
        self.received += new
        return new

    def send(self, message: msgspec.Struct) -> None:
        assert self._channel
        assert self._channel.send(message)

    def ask(self, request_id: int, command: Command) -> None:
        self.send(m.Ask(Request(request_id, command)))

    def serve(self) -> None:
        """One turn of a gateway that does its work: welcome, store, acknowledge."""
        if self._channel is None:
            try:
                self.accept()
            except BlockingIOError:
                return
        for message in self.receive():
            if isinstance(message, m.Hello):
                self.send(m.Welcome(self.stored_n))
            elif isinstance(message, m.NumberedEvent):
                self.stored_n = message.n
                self.send(m.Acknowledge(message.n))

    def hang_up(self) -> None:
        if self._channel:
            self._channel.close()
        self._channel = None

    def close(self) -> None:
        self.hang_up()
        self._listener.close()

    def reopen(self, path: Path) -> None:
        """Another gateway process, with the same store."""
        self._listener = listen(str(path))

    def of(self, kind: type) -> list[m.FromControl]:
        return [message for message in self.received if isinstance(message, kind)]


class Control:
    """HandOver and sampler, called as a tick calls them."""

    def __init__(self, path: Path) -> None:
        self.sampler = Sampler(NotedLines())
        self.link = HandOver(str(path), self.sampler)
        self.now_s = 100.0

    def tick(self, *events: Event) -> bool:
        self.now_s += TICK_S
        news = self.link.receive()
        self.link.take(list(events), self.now_s)
        self.link.pump(self.now_s)
        return news

    def ticks(self, n: int) -> None:
        for _ in range(n):
            self.tick()


def sim() -> tuple[Lines, World, Clock, SimBoard]:
    """A running world, and a board with an ideal pilot on its lines."""
    lines = Lines.in_memory()
    world = World(lines)
    clock = Clock(world)
    board = SimBoard(lines, clock, ideal_pilot=True)
    clock.sleep(0.0)
    return lines, world, clock, board


class NotedLines:
    """A board that is nothing but lines: each change is noted in the order of time."""

    def __init__(
        self,
        socket: bool = True,
        shunt: bool = True,
        phases: bool = True,
        rails: bool = True,
        changes: list[tuple[str, object]] | None = None,
    ) -> None:
        self.changes = [] if changes is None else changes
        self.pilot_out = _Pilot(self.changes)
        self.pilot_in = self.pilot_out
        self.proximity_in = _Proximity() if socket else None
        self.contactor = _Contactor(self.changes)
        self.lock = _Lock(self.changes) if socket else None
        self.heartbeat = _Beat(self.changes)
        self.shunt_trip = _Shunt(self.changes) if shunt else None
        self.phase_switch = _Phases(self.changes) if phases else None
        self.rails_in = _Rails() if rails else None
        self.rcd_test = None
        self.trips = _Trips()
        self.led = _Led(self.changes)

    def since(self) -> list[tuple[str, object]]:
        """The changes since the last time."""
        new = list(self.changes)
        self.changes.clear()
        return new

    def close(self) -> None:
        self.contactor.drive(False)
        self.pilot_out.set_duty(0.0)


class _Line:
    """A level that only a change changes."""

    def __init__(self, changes: list[tuple[str, object]], name: str, level: object) -> None:
        self._changes, self._name, self.level = changes, name, level

    def set(self, level: object) -> None:
        if level != self.level:
            self.level = level
            self._changes.append((self._name, level))


class _Pilot:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._duty = _Line(changes, "duty", 1.0)
        self._relay = _Line(changes, "pilot", True)

    def set_duty(self, duty: float) -> None:
        self._duty.set(duty)

    def set_connected(self, connected: bool) -> None:
        self._relay.set(connected)

    def read(self) -> CpReading:
        return CpReading(12.0, 12.0, 64, 64)


class _Proximity:
    def read(self) -> PpReading:
        return PpReading(1e6)


class _Contactor:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._coil = _Line(changes, "contactor", False)

    def drive(self, closed: bool) -> None:
        self._coil.set(closed)

    def mirror_closed(self) -> bool:
        return self._coil.level is True


class _Lock:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._motor = _Line(changes, "lock", LockDrive.OFF)

    def drive(self, direction: LockDrive) -> None:
        self._motor.set(direction)

    def locked(self) -> bool:
        return self._motor.level is LockDrive.LOCK


class _Beat:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._line = _Line(changes, "heartbeat", 0)
        self._edges_n = 0

    def toggle(self) -> None:
        self._edges_n += 1
        self._line.set(self._edges_n)


class _Shunt:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._coil = _Line(changes, "shunt", False)

    def drive(self, on: bool) -> None:
        self._coil.set(on)


class _Phases:
    """A line of unknown level at first, so that the first write shows."""

    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._coil = _Line(changes, "phases", None)

    def drive(self, three_phases: bool) -> None:
        self._coil.set(three_phases)


class _Rails:
    reading: RailsReading | Missing = RailsReading(12.0, -12.0, 5.0)

    def read(self) -> RailsReading | Missing:
        return self.reading


class _Trips:
    rcd = stop = button = False

    def rcd_tripped(self) -> bool:
        return self.rcd

    def emergency_stop(self) -> bool:
        return self.stop

    def stop_pressed(self) -> bool:
        return self.button

    def wake_fd(self) -> None:
        return


class _Led:
    def __init__(self, changes: list[tuple[str, object]]) -> None:
        self._line = _Line(changes, "led", (Led(), True))

    def show(self, led: Led, lit: bool) -> None:
        self._line.set((led, lit))
