"""Settings of what evsed runs on and watches: board, mains, heat, meter, simulated world (see schema.py)."""

from typing import Annotated, Literal

import msgspec

from evsed.config.marks import safety, soft


# fmt: off
class BoardConfig(msgspec.Struct, frozen=True):
    """The board that evsed runs on."""

    cp_gain: Annotated[
        float, safety("Corrects the measured pilot, in place of the board's calibration.", ge=0.9, le=1.1)
    ] = 1.0
    cp_offset_v: Annotated[
        float, safety("Added to the measured control pilot after cp_gain.", ge=-1, le=1)
    ] = 0.0
    name: Annotated[
        str, safety('Name of the board, "sim" for the simulated one; empty = none given (see --board).')
    ] = ""


class PowerQualityConfig(msgspec.Struct, frozen=True):
    """Mains voltage at which a transaction ends; measured by the meter."""

    over_voltage_v: Annotated[float, safety("Above this: stop.", ge=200, le=300)] = 253.0
    under_voltage_v: Annotated[float, safety("Below this: stop.", ge=80, le=230)] = 195.5
    timeout_s: Annotated[float, safety("Out of the window for this long.", ge=1, le=600)] = 10.0


class TemperatureConfig(msgspec.Struct, frozen=True):
    """What heat does to the limit: 1 A less for each degree above derate_from_c."""

    derate_from_c: Annotated[float, safety("The limit begins to fall here.", ge=30, le=100)] = 70.0
    stop_c: Annotated[float, safety("No power from here on.", ge=40, le=110)] = 85.0


class OverCurrentConfig(msgspec.Struct, frozen=True):
    """Soft over-current: charging stops above (offer + noise_a) * (1 + tolerance_percent / 100)."""

    tolerance_percent: Annotated[float, safety("What the EV may draw above the offer.", ge=0, le=50)] = 10.0
    noise_a: Annotated[float, safety("Noise of the current measurement.", ge=0, le=5)] = 0.5
    timeout_s: Annotated[float, safety("Over-current this long stops charging.", ge=6, le=60)] = 7.0


class MeterConfig(msgspec.Struct, frozen=True):
    """The energy meter on Modbus RTU."""

    model: Annotated[
        str, soft("Model of the meter: the name of its register file.", min_length=1)
    ] = "eastron_sdm630"
    port: Annotated[
        str, soft("Serial port of the meter; empty = the board's own, or the simulated meter's line.")
    ] = ""
    device_id: Annotated[
        int, soft("Modbus address of the meter; 0 = as the model leaves the factory.", ge=0, le=247)
    ] = 0
    baudrate: Annotated[
        Literal[0, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200],
        soft("Bits per second on the serial line; 0 = as the model leaves the factory."),
    ] = 0
    poll_s: Annotated[float, soft("Time between two readings.", ge=0.2, le=60)] = 1.0
    silent_s: Annotated[
        float, soft("A meter without a reading for this long counts as silent.", ge=2, le=600)
    ] = 10.0


class SimConfig(msgspec.Struct, frozen=True):
    """The simulated world (board.name sim), which takes its settings from an evsed that starts."""

    trace: Annotated[bool, safety("Publish every change of a physical line on MQTT.")] = False
    linger_s: Annotated[
        float,
        safety("The world goes on this long after the last evsed has left it; 0 = for ever.", ge=0, le=86400),
    ] = 60.0
    seed: Annotated[int, safety("Seed of the noise.", ge=0, le=4294967295)] = 1
    noise_mv: Annotated[
        float, safety("Noise on the control pilot as the ADC reads it.", ge=0, le=1000)
    ] = 20.0
    dc: Annotated[
        bool, soft("SIMULATION: publish a made-up DC supply and isolation monitor.")
    ] = False
    hlc: Annotated[
        bool, soft("SIMULATION: publish what an ISO 15118 stack would, made up.")
    ] = False
    cable_ampacity_a: Annotated[
        float, safety("What the EV's own cable carries (sType2 only).", ge=6, le=80)
    ] = 32.0
# fmt: on
