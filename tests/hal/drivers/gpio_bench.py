"""A kernel with GPIO chips that behaves as gpiod shows it, and the two pin factories on one set of names."""

import errno
import os
from types import SimpleNamespace

import gpiod
from gpiod.line import Direction, Edge, Value
from gpiozero.pins.mock import MockFactory

from hal.drivers.gpio_factory import LibgpiodFactory

RISING, FALLING = (gpiod.EdgeEvent.Type[name] for name in ("RISING_EDGE", "FALLING_EDGE"))


EXCEPTIONS = {errno.EINVAL: ValueError, errno.EOPNOTSUPP: NotImplementedError}


def refusal(number):
    """As the extension of gpiod raises it."""
    return EXCEPTIONS.get(number, OSError)(number, os.strerror(number))


class KernelLine:
    """history: what has become of the wire, in order: "input", or the level that it is driven to."""

    def __init__(self, name):
        self.name = name
        self.high = False
        self.is_output = False
        self.history = []
        self.request = None

    @property
    def settings(self):
        return self.request.settings[self]

    def configure(self, settings):
        if settings.direction is Direction.OUTPUT:
            self.is_output = True
            self.put(settings.output_value)
        elif settings.direction is Direction.INPUT:
            self.let_go()

    def let_go(self):
        self.is_output = False
        self.become("input")

    def put(self, value):
        if not self.is_output:
            raise refusal(errno.EPERM)
        self.high = value is Value.ACTIVE
        self.become(self.high)

    def become(self, what):
        if self.history[-1:] != [what]:
            self.history.append(what)

    def edge(self, high, at_s):
        """The wire changes from outside and stays."""
        if self.high is not high:
            self.high = high
            if self.request:
                self.request.edge(self, high, at_s)

    def pulse(self, high, duration_s, at_s):
        """The wire changes and comes back; debounce swallows what is shorter."""
        if self.request and duration_s >= self.settings.debounce_period.total_seconds():
            self.edge(high, at_s)
            self.edge(not high, at_s + duration_s)


class Kernel:
    """Chips by file name, each a list of line names; every process opens its own handles."""

    def __init__(self, chips):
        self.chips = {chip: [KernelLine(name) for name in names] for chip, names in chips.items()}
        self.refuses_with = 0  # errno
        self.open_n = 0
        self.keeps_outputs = False  # a kernel that leaves a line as it is when it is let go
        self.calls_n = 0  # of the kernel, by whoever has claimed lines

    def line(self, name):
        return next(line for lines in self.chips.values() for line in lines if line.name == name)

    def open_chip(self, path):
        return FakeChip(self, path)

    def kill_owners(self):
        """What the death of a process is to its lines: nobody sets a level before they are let go."""
        for request in {line.request for lines in self.chips.values() for line in lines if line.request}:
            request.release()
            request.dead = True

    def answer(self):
        self.calls_n += 1
        if self.refuses_with:
            raise refusal(self.refuses_with)


class FakeChip:
    def __init__(self, kernel, path):
        self._kernel, self._lines = kernel, kernel.chips[os.path.basename(path)]
        kernel.open_n += 1

    def close(self):
        self._kernel.open_n -= 1

    def get_info(self):
        return SimpleNamespace(num_lines=len(self._lines))

    def get_line_info(self, line):
        offset, line = line, self._lines[line]
        claim = line.request
        return SimpleNamespace(
            offset=offset,
            name=line.name,
            used=claim is not None,
            consumer=claim.consumer if claim else "",
            direction=Direction.OUTPUT if line.is_output else Direction.INPUT,
        )

    def request_lines(self, config, consumer=None, event_buffer_size=None, output_values=None):
        self._kernel.answer()
        lines = {offset: self._lines[offset] for offset in config}
        if any(line.request for line in lines.values()):
            raise refusal(errno.EBUSY)
        return FakeRequest(self._kernel, lines, config, consumer)


class FakeRequest:
    def __init__(self, kernel, lines, config, consumer):
        self._kernel, self._lines, self.consumer = kernel, lines, consumer
        self._events = []
        self.fd = os.eventfd(0)
        self.dead = False  # its process has ended: what is left of it here reaches no kernel any more
        self.settings = {}
        for line in lines.values():
            line.request = self
        self.reconfigure_lines(config)

    def reconfigure_lines(self, config):
        self._kernel.answer()
        for offset, settings in config.items():
            self.settings[self._lines[offset]] = settings
            self._lines[offset].configure(settings)

    def get_value(self, line):
        self._kernel.answer()
        return Value.ACTIVE if self._lines[line].high else Value.INACTIVE

    def set_value(self, line, value):
        if not self.dead:
            self._kernel.answer()
            self._lines[line].put(value)

    def edge(self, line, high, at_s):
        if self.settings[line].edge_detection is Edge.BOTH:
            kind = RISING if high else FALLING
            self._events.append(gpiod.EdgeEvent(kind.value, round(at_s * 1e9), 0, 0, 0))
            os.eventfd_write(self.fd, 1)

    def read_edge_events(self, max_events=None):
        self._kernel.answer()
        os.eventfd_read(self.fd)  # BlockingIOError without an event, as the kernel's read
        events, self._events = self._events, []
        return events

    def release(self):
        if self.dead:
            return
        for line in self._lines.values():
            line.request = None
            if not self._kernel.keeps_outputs:
                line.let_go()  # what a mainline kernel makes of it
        os.close(self.fd)


NAMES = [f"GPIO{n}" for n in range(4, 20)]  # names that MockFactory knows, too


class KernelRig:
    """The drivers on our factory over the fake kernel."""

    def __init__(self, dev):
        self.kernel = Kernel({"gpiochip0": ["NC", *NAMES]})
        (dev / "gpiochip0").touch()
        self.factory = LibgpiodFactory(dev, self.kernel.open_chip)

    def high(self, name):
        return self.kernel.line(name).high

    def levels(self, name):
        """Every level that the line was driven to."""
        return [entry for entry in self.kernel.line(name).history if entry != "input"]

    def put(self, name, high):
        self.kernel.line(name).edge(high, 0.0)

    def drive_by_somebody_else(self, name):
        """High, by a process that has gone, on a kernel that keeps it so."""
        line = self.kernel.line(name)
        line.is_output = True
        line.put(Value.ACTIVE)


class MockRig:
    """The drivers on gpiozero's own mock pins."""

    def __init__(self, dev):
        self.factory = MockFactory(revision="c03112")

    def high(self, name):
        return self.factory.pin(name).state

    def levels(self, name):
        return [state for _, state in self.factory.pin(name).states]

    def drive_by_somebody_else(self, name):
        self.put(name, True)

    def put(self, name, high):
        pin = self.factory.pin(name)
        (pin.drive_high if high else pin.drive_low)()
