"""What the daemon may ask of the board: one Protocol a device, and the bundle. No code.

Rule 1: every output is born safe and closed safe (contactor open, lock still, pilot steady).
Rule 2: an output that cannot be set raises HalError; a sensor that cannot be read returns Missing.
Rule 3: fast devices never block longer than their burst; slow devices (Meter) belong to the gateway.
"""

from typing import Protocol

from hal.types import (
    BoardRecord,
    Calibration,
    CpReading,
    Led,
    LockDrive,
    MeterReading,
    Missing,
    PilotCalibration,
    PpReading,
    RailsReading,
    SignedStart,
    SignedValue,
    Temperature,
)


class Clock(Protocol):
    """Monotonic seconds; a test hands in one that it moves itself."""

    def now_s(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class PilotOut(Protocol):
    """Control pilot generator, 1 kHz between +12 V and -12 V behind 1 kOhm (IEC 61851-1 Annex A)."""

    def set_duty(self, duty: float) -> None:
        """Duty as a fraction: 1.0 is steady +12 V (X1), 0.0 steady -12 V (F)."""
        ...

    def set_connected(self, connected: bool) -> None:
        """False takes the generator off the outlet: the EV sees what an unplugged EV sees."""
        ...


class PilotIn(Protocol):
    """Control pilot measurement; one burst of the ADC takes about 2.6 ms."""

    def read(self) -> CpReading | Missing: ...

    def calibrate(self, calibration: Calibration) -> None:
        """From the next burst on, in place of what it was corrected by."""
        ...


class ProximityIn(Protocol):
    """Proximity pilot (cable coding) of a socket."""

    def read(self) -> PpReading | Missing: ...


class Contactor(Protocol):
    """Mains contactor with a mirror contact."""

    def drive(self, closed: bool) -> None: ...

    def mirror_closed(self) -> bool:
        """State of the power contacts as fed back, not as commanded."""
        ...


class ConnectorLock(Protocol):
    """Plug lock of a socket: two motor lines and a position switch."""

    def drive(self, direction: LockDrive) -> None: ...

    def locked(self) -> bool:
        """Position as fed back by the switch."""
        ...


class Heartbeat(Protocol):
    """The line that the coil gate watches: no edge for its window, no coil current."""

    def toggle(self) -> None: ...


class ShuntTrip(Protocol):
    """Opens the breaker upstream: the last means against a welded contactor. A person closes it again."""

    def drive(self, on: bool) -> None: ...


class PhaseSwitch(Protocol):
    """Second contactor line: L2 and L3 join L1 or not. When it may move is the core's business."""

    def drive(self, three_phases: bool) -> None: ...


class RailsIn(Protocol):
    """Supply rails, on spare channels of the same ADC."""

    def read(self) -> RailsReading | Missing: ...


class RcdTest(Protocol):
    """Test winding of the residual current device: on for a moment, it must trip."""

    def drive(self, on: bool) -> None: ...


class TripInputs(Protocol):
    """Lines that say hardware has already taken the coil away (RCD) or that a person wants it so."""

    def rcd_tripped(self) -> bool: ...

    def emergency_stop(self) -> bool: ...

    def stop_pressed(self) -> bool:
        """The user's stop button; it ends a transaction and is no emergency stop."""
        ...

    def wake_fd(self) -> int | None:
        """A descriptor that turns readable at an edge, so that the loop need not wait for its tick."""
        ...


class StatusLed(Protocol):
    def show(self, led: Led, lit: bool) -> None: ...


class Meter(Protocol):
    """Energy meter on a slow bus; a read may take 200 ms."""

    def read(self) -> MeterReading | Missing: ...

    def close(self) -> None: ...


class SignedMeter(Meter, Protocol):
    """A meter that signs what it has counted for one transaction (OCMF)."""

    def start(self, record: SignedStart) -> SignedValue | None:
        """Begin a record; None where the meter signs nothing at the start. Raises HalError."""
        ...

    def stop(self, transaction_id: str) -> SignedValue:
        """End the record; of one that is ended already, what was signed of this very transaction.

        Raises HalError.
        """
        ...

    def public_key(self) -> str | Missing:
        """As hexadecimal text of its DER form."""
        ...


class Thermometer(Protocol):
    def read(self) -> Temperature | Missing: ...

    def close(self) -> None: ...


class TokenReader(Protocol):
    """RFID reader; a read takes at most 100 ms."""

    def read(self) -> str | Missing | None:
        """UID of the card in the field as upper case hexadecimal, None without one."""
        ...

    def close(self) -> None: ...


class BoardEeprom(Protocol):
    """What the board knows of itself, beyond a loss of supply; str() names it. Methods raise HalError.

    A write takes some 50 ms; whatever happens during it, the record before it or the new one is there.
    """

    def read(self) -> BoardRecord | None:
        """None of one that was never written."""
        ...

    def write(self, record: BoardRecord) -> None:
        """Returns when the record was read back as written."""
        ...

    def close(self) -> None: ...


class Peripherals(Protocol):
    """The slow devices of a board; the gateway has them. Each is there or not."""

    thermometers: tuple[Thermometer, ...]
    token_reader: TokenReader | None
    eeprom: BoardEeprom | None  # any thread may use it, one at a time

    def close(self) -> None: ...


class Board(Protocol):
    """One charging point. A board without a socket has neither lock nor proximity; what else may be None is
    not on every board."""

    pilot_out: PilotOut
    pilot_in: PilotIn
    proximity_in: ProximityIn | None
    contactor: Contactor
    lock: ConnectorLock | None
    heartbeat: Heartbeat
    shunt_trip: ShuntTrip | None
    phase_switch: PhaseSwitch | None
    rails_in: RailsIn | None
    rcd_test: RcdTest | None
    trips: TripInputs
    notes: tuple[str, ...]  # what the journal shall say of it at the start
    calibration: PilotCalibration  # the board's own, with which pilot_in reads until it is given another
    led: StatusLed

    def close(self) -> None:
        """Drive every output to its safe level, then let go of the lines. Idempotent."""
        ...
