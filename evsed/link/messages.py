"""Everything that crosses the link: small typed messages, one per SOCK_SEQPACKET datagram, msgpack.

Rule 1: what must not be lost is a NumberedEvent and stays in control's ring until Acknowledge covers it.
Rule 2: everything else is latest-value and may be dropped.
"""

import msgspec

from evsed.core.commands import Request
from evsed.core.events import CommandDone, LastingEvent
from evsed.core.inputs import Snapshot
from hal.types import MeterReading, Missing, PilotCalibration, Temperature

MAX_MESSAGE_BYTES = 131072  # an MQTT request of the largest size, decoded, fits with room to spare


class Hello(msgspec.Struct, frozen=True, tag=True):
    """First message of control on a connection: who it is and where its numbering stands."""

    boot_id: str
    pid: int
    last_n: int
    restored: bool  # it has been told what the store knows
    calibration: PilotCalibration = PilotCalibration()


class NumberedEvent(msgspec.Struct, frozen=True, tag=True):
    """The n-th lasting event (from 1) since this control process started; at_s is monotonic."""

    n: int
    at_s: float
    event: LastingEvent


class Done(msgspec.Struct, frozen=True, tag=True):
    done: CommandDone


class Journal(msgspec.Struct, frozen=True, tag=True):
    """A journal line of control. priority is syslog's (3 error, 4 warning, 6 info)."""

    priority: int
    text: str
    fields: dict[str, str] = {}


class Health(msgspec.Struct, frozen=True, tag=True):
    """How the control loop is doing; counts are since its start, the worst ones since the last message."""

    ticks_n: int
    overruns_n: int
    late_max_ms: float
    dropped_events_n: int
    tick_max_ms: float = 0.0  # from the first sample to the watchdog


class Recording(msgspec.Struct, frozen=True, tag=True):
    """A piece of control's n-th recording (evsed.recording.tape); now_s: when it was asked for.

    part_n counts its pieces from 0; one that does not begin with 0 cannot be read.
    """

    n: int
    cause: str
    session_uuid: str
    now_s: float
    data: bytes
    last: bool = False
    part_n: int = 0


class Record(msgspec.Struct, frozen=True, tag=True):
    """The gateway asks for a recording of what control remembers."""


class Goodbye(msgspec.Struct, frozen=True, tag=True):
    """Control has made the board safe and ends once the last event is acknowledged."""


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """First message of the gateway: the last event of this boot_id that it has stored (0: none)."""

    stored_n: int


class Acknowledge(msgspec.Struct, frozen=True, tag=True):
    """Every event up to and with n is stored."""

    n: int


class Ask(msgspec.Struct, frozen=True, tag=True):
    request: Request


class MeterUpdate(msgspec.Struct, frozen=True, tag=True):
    reading: MeterReading | Missing


class TemperatureUpdate(msgspec.Struct, frozen=True, tag=True):
    """The newest reading of every thermometer that answers."""

    temperatures: tuple[Temperature, ...]


FromControl = Hello | NumberedEvent | Done | Journal | Snapshot | Health | Goodbye | Recording
FromGateway = Welcome | Acknowledge | Ask | MeterUpdate | TemperatureUpdate | Record
