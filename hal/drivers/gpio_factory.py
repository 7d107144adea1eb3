"""gpiozero's pins on the kernel's GPIO character device (libgpiod 2); the only door to gpiod.

Rule 1: a line is found by its name in the device tree; chip and offset differ between kernels.
Rule 2: an output is claimed together with its level in one ioctl, and is put back to it before release;
only one that must not move is claimed as it is, and let go of as it is.
Rule 3: no thread: edges wait in the kernel, with the kernel's stamp, until take_edges() fetches them.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import gpiod
import msgspec
from gpiod.line import Bias, Direction, Edge, Value
from gpiozero.exc import PinInvalidFunction, PinInvalidPull, PinSetInput
from gpiozero.pins import Factory, Pin, PinInfo

from hal.drivers.failures import failure
from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy

CONSUMER = "evsed"  # what `gpioinfo` shows for our lines
NO_NAMES = frozenset(("", "NC", "-"))  # what device trees write for a line that is not wired

BIAS = {"floating": Bias.DISABLED, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN}
EDGES = {"none": Edge.NONE, "rising": Edge.RISING, "falling": Edge.FALLING, "both": Edge.BOTH}
FUNCTIONS = {"input": Direction.INPUT, "output": Direction.AS_IS}
LEVEL = {False: Value.INACTIVE, True: Value.ACTIVE}  # gpiod's active-low stays off: these are volts
RISING = gpiod.EdgeEvent.Type.RISING_EDGE

REFUSALS = (OSError, ValueError, NotImplementedError)  # gpiod makes the latter of EINVAL and EOPNOTSUPP
GROUP = "gpio"
UNABLE = "the chip cannot do this pull, debounce or edge detection on this line"
OTHERWISE = {errno.EINVAL: UNABLE, errno.EOPNOTSUPP: UNABLE}


class LineEdge(msgspec.Struct, frozen=True, gc=False):
    """One edge after debounce: the level that it led to, and when (monotonic, the kernel's interrupt)."""

    high: bool
    at_s: float


class Place(msgspec.Struct, frozen=True):
    """Where a named line is on this kernel."""

    name: str
    chip: gpiod.Chip
    path: str
    offset: int

    def __str__(self) -> str:
        return f"line {self.name} ({self.path} line {self.offset})"


class LibgpiodPin(Pin):  # type: ignore[misc]  # gpiozero has no types
    """One line, not claimed before it is made an input or an output. Levels are electrical.

    Every failure of the kernel comes out as HalError.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._offset = place.offset
        self._settings = gpiod.LineSettings(direction=Direction.INPUT)
        self._at_close: Value | None = None  # the level of an output at its end; None: as it is then
        self._request: gpiod.LineRequest | None = None

    @property
    def claimed(self) -> bool:
        return self._request is not None

    def close(self) -> None:
        """An output goes back to the level it was claimed with; then the kernel has the line. Idempotent."""
        request, self._request = self._request, None
        if request is None:
            return
        if self._at_close is not None:
            with suppress(*REFUSALS):  # a chip that is gone drives nothing any more
                request.set_value(self._offset, self._at_close)
        request.release()

    def output_with_state(self, state: bool) -> None:
        """Claim as output at this level, without another level before it."""
        self._configure(direction=Direction.OUTPUT, output_value=LEVEL[bool(state)])
        self._at_close = LEVEL[bool(state)]

    def hold(self) -> None:
        """From here on close() leaves the level as it is."""
        self._at_close = None

    def input_with_pull(self, pull: str) -> None:
        self._configure(direction=Direction.INPUT, bias=self._bias(pull))

    def fileno(self) -> int:
        """Readable when an edge waits."""
        return self._live().fd

    def take_edges(self) -> list[LineEdge]:
        """Edges since the last call, oldest first; never blocks."""
        try:
            events = self._live().read_edge_events()
        except BlockingIOError:
            return []
        except REFUSALS as error:
            raise hal_error(self._place, self._place.path, error) from error
        return [LineEdge(event.event_type is RISING, event.timestamp_ns / 1e9) for event in events]

    def _get_info(self) -> PinInfo:
        name = self._place.name
        return PinInfo(self._offset, name, frozenset((name,)), "", 0, 0, frozenset(("gpio",)))

    def _get_function(self) -> str:
        return "input" if self._settings.direction is Direction.INPUT else "output"

    def _set_function(self, value: str) -> None:
        """An output is claimed as it is: direction and level stay until its state is set."""
        if value not in FUNCTIONS:
            raise PinInvalidFunction(f"{self._place}: function {value!r}, expected input or output")
        self._configure(direction=FUNCTIONS[value])

    def _get_state(self) -> bool:
        try:
            return self._live().get_value(self._offset) is Value.ACTIVE
        except REFUSALS as error:
            raise hal_error(self._place, self._place.path, error) from error

    def _set_state(self, value: bool) -> None:
        if self._settings.direction is Direction.INPUT:
            raise PinSetInput(f"{self._place} is an input")
        if self._settings.direction is Direction.AS_IS:
            return self._configure(direction=Direction.OUTPUT, output_value=LEVEL[bool(value)])
        try:
            self._live().set_value(self._offset, LEVEL[bool(value)])
        except REFUSALS as error:
            raise hal_error(self._place, self._place.path, error) from error

    def _get_pull(self) -> str:
        return next((pull for pull, bias in BIAS.items() if bias is self._settings.bias), "floating")

    def _set_pull(self, value: str) -> None:
        self._configure(bias=self._bias(value))

    def _get_bounce(self) -> float | None:
        return self._settings.debounce_period.total_seconds() or None

    def _set_bounce(self, value: float | None) -> None:
        self._configure(debounce_period=timedelta(seconds=value or 0.0))

    def _get_edges(self) -> str:
        return next(name for name, edge in EDGES.items() if edge is self._settings.edge_detection)

    def _set_edges(self, value: str) -> None:
        self._configure(edge_detection=EDGES[value])

    def _bias(self, pull: str) -> Bias:
        if pull not in BIAS:
            raise PinInvalidPull(f"{self._place}: pull {pull!r}, expected one of {', '.join(BIAS)}")
        return BIAS[pull]

    def _live(self) -> gpiod.LineRequest:
        if self._request is None:
            raise DeviceFailed(f"{self._place}: used while not claimed")
        return self._request

    def _configure(self, **change: object) -> None:
        settings = replace(self._settings, **change)  # type: ignore[arg-type]
        try:
            self._claim(settings)
        except REFUSALS as error:
            raise self._why_not_claimed(error) from error
        self._settings = settings

    def _claim(self, settings: gpiod.LineSettings) -> None:
        if self._request is None:
            self._request = self._place.chip.request_lines({self._offset: settings}, consumer=CONSUMER)
            os.set_blocking(self._request.fd, False)
        else:
            self._request.reconfigure_lines({self._offset: settings})

    def _why_not_claimed(self, error: Exception) -> HalError:
        if error.args[:1] != (errno.EBUSY,):
            return hal_error(self._place, self._place.path, error)
        owner = self._place.chip.get_line_info(self._offset).consumer
        return LineBusy(f"{self._place}: {owner!r} drives it (see gpioinfo); stop that process first")


class LibgpiodFactory(Factory):  # type: ignore[misc]
    """Pin factory over all GPIO chips of the machine; pin names are line names (gpio-line-names).

    Raises DeviceMissing without a chip, DeviceFailed for one that may not be opened.
    """

    def __init__(self, dev: Path = Path("/dev"), open_chip: Callable[[str], gpiod.Chip] = gpiod.Chip) -> None:
        super().__init__()
        self._pins: dict[str, LibgpiodPin] = {}
        self._chips: dict[str, gpiod.Chip] = {}
        try:
            self._chips = open_chips(dev, open_chip)
            self._places = self._find_places()
        except HalError:
            self.close()
            raise

    def close(self) -> None:
        """Every output to the level it was claimed with, then let go of lines and chips. Idempotent."""
        for pin in self._pins.values():
            pin.close()
        for chip in self._chips.values():
            chip.close()
        self._chips.clear()

    def pin(self, name: str) -> LibgpiodPin:
        """DeviceMissing for a name that no line has, DeviceFailed for one that several have."""
        if name not in self._pins:
            self._pins[name] = LibgpiodPin(self._place(name))
        return self._pins[name]

    def reserve_pins(self, requester: object, *names: str) -> None:
        """LineBusy if another device of this process has claimed the line."""
        for name in names:
            if name in self._pins and self._pins[name].claimed:
                raise LineBusy(f"{self._place(name)}: another device of this process drives it already")

    def release_pins(self, reserver: object, *names: str) -> None:
        """A line is free as soon as its pin is closed: there is nothing else to release."""

    def ticks(self) -> float:
        return time.monotonic()

    def ticks_diff(self, later: float, earlier: float) -> float:
        return later - earlier

    def _find_places(self) -> dict[str, list[Place]]:
        places: dict[str, list[Place]] = {}
        for path, chip in self._chips.items():
            try:
                for place in _named_lines(path, chip):
                    places.setdefault(place.name, []).append(place)
            except REFUSALS as error:
                raise hal_error("GPIO chip", path, error) from error
        return places

    def _place(self, name: str) -> Place:
        places = self._places.get(name, [])
        if not places:
            raise DeviceMissing(
                f"line {name}: no line of {', '.join(self._chips)} has this name;"
                " does the device tree overlay of the board (gpio-line-names) match?"
            )
        if len(places) > 1:
            raise DeviceFailed(f"line {name}: not unique: {', '.join(map(str, places))}")
        return places[0]


def open_chips(dev: Path, open_chip: Callable[[str], gpiod.Chip]) -> dict[str, gpiod.Chip]:
    """All chips of the machine by path. Raises HalError; none is left open then."""
    chips: dict[str, gpiod.Chip] = {}
    for path in sorted(map(str, dev.glob("gpiochip[0-9]*"))):
        try:
            chips[path] = open_chip(path)
        except REFUSALS as error:
            for chip in chips.values():
                chip.close()
            raise hal_error("GPIO chip", path, error) from error
    if not chips:
        raise DeviceMissing(f"{dev}/gpiochip*: no GPIO chip; is its driver loaded (see gpiodetect)?")
    return chips


def _named_lines(path: str, chip: gpiod.Chip) -> Iterator[Place]:
    for offset in range(chip.get_info().num_lines):
        name = chip.get_line_info(offset).name
        if name not in NO_NAMES:
            yield Place(name, chip, path, offset)


def hal_error(device: object, path: str, error: Exception) -> HalError:
    """The kernel's no, in the words of this package; error is one of REFUSALS."""
    number, *_ = error.args or (0,)
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return failure(number, said, str(device), path, GROUP, OTHERWISE.get(number, "{error}"))
