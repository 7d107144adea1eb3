"""What the board says and is told, as frozen data in SI units. Pure: no I/O, no clock.

Rule 1: readings are physical (volts, ohms, booleans); what they mean is the core's business.
Rule 2: a reading that cannot be had is Missing, never None, NaN or a made-up number.
"""

from enum import Enum
from typing import Literal

import msgspec


class Missing(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A reading that we do not have, why, and since when (monotonic seconds)."""

    reason: str
    since_s: float


class CpReading(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Control pilot plateaus of one ADC burst, at the EVSE's outlet.

    high_v and low_v are the means of the upper and the lower cluster; with a static pilot both are the
    same. A plateau seen by fewer than three samples is None: too short for this burst, not zero volts.
    """

    high_v: float | None
    low_v: float | None
    high_n: int
    low_n: int


class PpReading(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Resistance between proximity contact and PE; no plug reads above 4500 ohm."""

    resistance_ohm: float


class RailsReading(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Supply rails of the pilot generator and the logic."""

    plus_12_v: float
    minus_12_v: float
    plus_5_v: float


class Temperature(msgspec.Struct, frozen=True, gc=False, tag=True):
    """One thermometer: where it sits ("evse", "plug") and what it reads."""

    location: str
    temperature_c: float


class SignedValue(msgspec.Struct, frozen=True, tag=True):
    """What a meter has signed, byte for byte; a changed character makes it worthless."""

    data: str  # the meter's own text, OCMF|...|...
    signing_method: str = ""
    encoding_method: str = "OCMF"
    public_key: str = ""


class SignedStart(msgspec.Struct, frozen=True):
    """What a signed meter writes into its record at the start of a transaction (OCMF)."""

    evse_id: str
    transaction_id: str
    identification_type: str  # OCMF 1.0 Table 11: ISO14443, LOCAL, ...
    identification_data: str
    tariff_text: str = ""


class MeterReading(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """One coherent reading of the energy meter. Tuples are L1, L2, L3 as far as the meter has them."""

    at_s: float  # monotonic, begin of the read: the values are no older
    energy_import_wh: float
    energy_export_wh: float | None = None
    power_w: float | None = None
    power_phase_w: tuple[float, ...] = ()
    voltage_v: tuple[float, ...] = ()
    current_a: tuple[float, ...] = ()
    frequency_hz: float | None = None
    meter_id: str = ""


class LockDrive(Enum):
    """What the two motor lines of the connector lock do."""

    OFF = "off"
    LOCK = "lock"
    UNLOCK = "unlock"


class Led(msgspec.Struct, frozen=True, gc=False):
    """One look of the status light: red, green and blue on or off; period 0 is steady."""

    red: bool = False
    green: bool = False
    blue: bool = False
    period_s: float = 0.0


class Calibration(msgspec.Struct, frozen=True, array_like=True):
    """Of a measuring channel: true = gain * measured + offset_v."""

    gain: float = 1.0
    offset_v: float = 0.0

    def apply(self, measured_v: float) -> float:
        return self.gain * measured_v + self.offset_v

    def undo(self, true_v: float) -> float:
        """What the channel measured before this calibration was applied."""
        return (true_v - self.offset_v) / self.gain


class CalibrationSource(Enum):
    """Where the calibration that is in force comes from."""

    NONE = "none"
    BOARD_FILE = "board file"
    EEPROM = "EEPROM"
    CONFIGURATION = "configuration"


class PilotCalibration(msgspec.Struct, frozen=True):
    """What the measured control pilot is corrected by; overrides: the one that counts no more for it."""

    calibration: Calibration = Calibration()
    source: CalibrationSource = CalibrationSource.NONE
    overrides: "PilotCalibration | None" = None


class BoardRecord(msgspec.Struct, frozen=True):
    """What a board's EEPROM holds. Calibrations by the name of the channel ("cp")."""

    serial_number: str
    calibrations: dict[str, Calibration] = {}


class LineInfo(msgspec.Struct, frozen=True):
    """One digital line of the board as whoever looks on sees it, without a claim.

    consumer: who has claimed it, empty for nobody. signal: the key of the board file that it is wired for,
    empty for none; active: whether that is active, None where it cannot be read without a claim.
    """

    chip: str
    offset: int
    name: str
    direction: Literal["input", "output"]
    consumer: str
    signal: str
    active: bool | None = None
