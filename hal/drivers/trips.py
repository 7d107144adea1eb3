"""RCD trip, emergency stop and stop button. The trip is wired to the coil gate; software reports it.

Rule 1: a pulse that is over before it is read counts once; the kernel's edges tell of it.
Rule 2: any of the three reads takes the waiting edges of all, so that wake_fd falls silent.
"""

import select

from hal.drivers.gpio_lines import Input, InputLine, PinFactory, closing_on_error

RCD, EMERGENCY_STOP, STOP_BUTTON = range(3)


class GpioTripInputs:
    """hal.interfaces.TripInputs; a board without a stop button has none pressed."""

    def __init__(
        self, factory: PinFactory, rcd: InputLine, emergency_stop: InputLine, stop_button: InputLine | None
    ) -> None:
        self._inputs: list[Input] = []
        for line in filter(None, (rcd, emergency_stop, stop_button)):
            with closing_on_error(*self._inputs):
                self._inputs.append(Input(factory, line))
        self._pulsed = [False] * 3
        self._edges = select.epoll()
        self._by_fd = {fd: i for i, line in enumerate(self._inputs) if (fd := line.edge_fd()) is not None}
        for fd in self._by_fd:
            self._edges.register(fd, select.EPOLLIN)

    def rcd_tripped(self) -> bool:
        """Raises DeviceFailed, as the other two: an unknown trip is no absent one."""
        return self._read(RCD)

    def emergency_stop(self) -> bool:
        return self._read(EMERGENCY_STOP)

    def stop_pressed(self) -> bool:
        return self._read(STOP_BUTTON) if len(self._inputs) > STOP_BUTTON else False

    def wake_fd(self) -> int | None:
        """Readable from an edge of any of the lines until the next read; None without kernel edges."""
        return self._edges.fileno() if self._by_fd else None

    def close(self) -> None:
        """Idempotent."""
        self._by_fd.clear()
        self._edges.close()
        for line in self._inputs:
            line.close()

    def _read(self, which: int) -> bool:
        if self._by_fd:
            self._collect()
        pulsed, self._pulsed[which] = self._pulsed[which], False
        return self._inputs[which].active() or pulsed

    def _collect(self) -> None:
        for fd, _ in self._edges.poll(0):
            which = self._by_fd[fd]
            line = self._inputs[which]
            self._pulsed[which] |= line.was_active(line.take_edges())
