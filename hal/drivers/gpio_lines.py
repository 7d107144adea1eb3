"""One line of a board: how it is wired, as data, and the live output or input, on gpiozero's devices.

Rule 1: here and nowhere else does a level become a meaning: a driver knows active and inactive.
Rule 2: inactive is safe; an output is inactive from the claim on and again at close. One that must not move
is claimed as it is, or held: then it is let go of as it is.
Rule 3: what gpiozero raises comes out as HalError with the name of the line.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, Protocol, TypeAlias

import msgspec
from gpiozero import InputDevice, OutputDevice
from gpiozero.exc import GPIOPinInUse, GPIOZeroError, PinInvalidPin
from gpiozero.pins import Factory

from hal.drivers.gpio_factory import LibgpiodPin, LineEdge
from hal.errors import DeviceFailed, DeviceMissing, HalError, LineBusy

PinFactory: TypeAlias = Factory  # LibgpiodFactory on a board, MockFactory in a test


class OutputLine(msgspec.Struct, frozen=True):
    """Wiring of an output: its name, and the level that does something."""

    name: str
    active_high: bool = True


class InputLine(msgspec.Struct, frozen=True):
    """Wiring of an input. Shorter pulses than debounce_s are no edges (kernel debounce; 0 is none)."""

    name: str
    active_high: bool = True
    pull: Literal["floating", "up", "down"] = "floating"
    debounce_s: float = 0.0


class Output:
    """LineBusy, DeviceMissing or DeviceFailed if the line cannot be had."""

    def __init__(self, factory: PinFactory, line: OutputLine, as_is: bool = False) -> None:
        """as_is: whatever the line is, it stays until the first drive()."""
        with _as_hal_error(line.name):
            self._device = OutputDevice(
                line.name,
                active_high=line.active_high,
                initial_value=None if as_is else False,
                pin_factory=factory,
            )
        self._name = line.name
        self._held = as_is

    def drive(self, active: bool) -> None:
        self._held = False
        try:
            self._device.value = active
        except GPIOZeroError as error:
            raise DeviceFailed(f"line {self._name}: {error}") from error

    def hold(self) -> None:
        """Until the next drive() it stays as it is, at close too."""
        self._held = True
        if isinstance(self._device.pin, LibgpiodPin):
            self._device.pin.hold()

    def close(self) -> None:
        """Inactive, then released. Idempotent; never raises, so that the outputs after it are closed too."""
        if not self._held:
            with suppress(HalError):  # a line that is gone drives nothing
                self.drive(False)
        self._device.close()


class Input:
    """LineBusy, DeviceMissing or DeviceFailed if the line cannot be had."""

    def __init__(self, factory: PinFactory, line: InputLine) -> None:
        with _as_hal_error(line.name):
            # gpiozero ties polarity to its own pull; a fail-safe contact needs both free.
            self._device = InputDevice(
                line.name, pull_up=None, active_state=line.active_high, pin_factory=factory
            )
        self._name = line.name
        self._active_high = line.active_high
        try:
            self._set_up(line)
        except HalError:
            self.close()
            raise

    def active(self) -> bool:
        """The level after debounce. Raises DeviceFailed."""
        try:
            return bool(self._device.value)
        except GPIOZeroError as error:
            raise DeviceFailed(f"line {self._name}: {error}") from error

    def edge_fd(self) -> int | None:
        """Readable while edges wait; None where the pins are not the kernel's."""
        pin = self._device.pin
        return pin.fileno() if isinstance(pin, LibgpiodPin) else None

    def take_edges(self) -> list[LineEdge]:
        pin = self._device.pin
        return pin.take_edges() if isinstance(pin, LibgpiodPin) else []

    def was_active(self, edges: list[LineEdge]) -> bool:
        """Whether one of these edges led to the active level."""
        return any(edge.high is self._active_high for edge in edges)

    def close(self) -> None:
        """Idempotent."""
        self._device.close()

    def _set_up(self, line: InputLine) -> None:
        with _as_hal_error(line.name):
            pin = self._device.pin
            pin.pull = line.pull
            pin.bounce = line.debounce_s or None
            pin.edges = "both"


class Closeable(Protocol):
    def close(self) -> None: ...


@contextmanager
def closing_on_error(*opened: Closeable) -> Iterator[None]:
    """For a driver of several lines: those that are open are made safe when the next one cannot be had."""
    try:
        yield
    except BaseException:
        for line in opened:
            line.close()
        raise


@contextmanager
def _as_hal_error(name: str) -> Iterator[None]:
    try:
        yield
    except GPIOPinInUse as error:
        raise LineBusy(f"line {name}: another device of this process drives it already") from error
    except PinInvalidPin as error:
        raise DeviceMissing(f"line {name}: {error}") from error
    except GPIOZeroError as error:
        raise DeviceFailed(f"line {name}: {error}") from error
