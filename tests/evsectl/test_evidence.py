"""What explain says was read when a fault was raised: words for each row of FAULTS."""

import msgspec
import pytest

from evsed.core.charger import Charger
from evsed.core.events import FaultRaised
from evsed.core.faults import FAULTS
from evsed.core.inputs import Inputs
from evsed.core.settings import Settings
from evsed.evsectl.evidence import EVIDENCE, Seen
from evsed.evsectl.explain import changes
from evsed.recording.replay import replay
from evsed.recording.tape import Tape
from hal.types import MeterReading, Missing, PpReading, RailsReading, Temperature
from tests.core.provoking import CASES, steps_until_raised
from tests.recording.recorded import RecordedBench, written


def with_(**inputs: object) -> Inputs:
    return Inputs(1, Missing("x", 0.0), **inputs)


# fmt: off
READ = {
    "rcd":             "RCD line read tripped",
    "emergency stop":  "emergency stop line read pressed",
    "over current":    "A measured, 32.0 A offered",
    "diode":           "pilot at +5.6 V / -5.6 V, driven with a duty of 53.3%",
    "pilot stuck low": "pilot at -12.0 V / -12.0 V, driven with a duty of 53.3%",
    "pilot missing":   "pilot not read: no answer",
    "proximity":       "proximity contact at 1000000 ohm",
    "plug shorted":    "proximity contact at 10 ohm",
    "ventilation":     "pilot at +2.9 V / -12.0 V",
    "lock opened":     "lock position read not locked",
}
NONE = Missing("no answer", 0.0)
NOTHING = with_()
METER = MeterReading(90.0, 1.0, voltage_v=(262.04, 230.0, 230.0), current_a=(33.0, 0.0, 0.0))
SAMPLES = {
    "contactor_welded":     (with_(mirror_closed=True), "mirror contact read closed, contactor driven open"),
    "contactor_not_closed": (NOTHING, "mirror contact read open"),
    "lock":                 (NOTHING, "lock position read not locked"),
    "unlock":               (with_(locked=True), "lock position read locked"),
    "lock_self_test":       (NOTHING, "lock position read not locked"),
    "over_voltage":         (with_(meter=METER), "262.0 V / 230.0 V / 230.0 V measured"),
    "under_voltage":        (NOTHING, "nothing measured"),
    "rails":                (with_(rails=RailsReading(10.5, -12.0, 5.0)), "rails at +10.5 V and -12.0 V"),
    "over_temperature":     (with_(temperatures=(Temperature("plug", 91.0),)), "plug at 91 C"),
    "rcd_self_test":        (NOTHING, "RCD line read not tripped, test winding not driven"),
    "set_faulted":          (NOTHING, "asked for by a client"),
    "meter_silent":         (with_(meter=METER), "last reading 10.0 s before"),
}
# fmt: on


def test_there_is_evidence_for_every_fault() -> None:
    assert list(EVIDENCE) == [fault.name for fault in FAULTS]
    assert {case.fault for case in CASES.values()} | set(SAMPLES) == set(EVIDENCE)


@pytest.mark.parametrize("name", CASES)
def test_what_was_read_is_told_of_each_fault_of_the_world(name: str, tmp_path) -> None:
    case = CASES[name]
    bench = RecordedBench(case.settings)
    bench.charge(32.0)
    case.provoke(bench)
    steps_until_raised(bench, case.fault, case.within_s)
    told, before = [], None
    for now in replay(Tape(written(bench.record(), tmp_path))):
        if any(isinstance(event, FaultRaised) and event.fault == case.fault for event in now.events):
            told = [line for line in changes(before, now) if line.startswith(f"fault {case.fault} ")]
        before = now
    (line,) = told
    assert READ[name] in line
    assert line.endswith("limit 32 A by installation")


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_read_is_told_of_the_others(name: str) -> None:
    inputs, words = SAMPLES[name]
    driven = msgspec.structs.replace(Charger(Settings()).snapshot(), duty=1.0)
    assert words in EVIDENCE[name](Seen(inputs, driven, 100.0))


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_what_is_missing_is_told_too(fault: str) -> None:
    inputs = Inputs(1, Missing("no answer", 0.0), pp=NONE, rails=NONE)
    assert EVIDENCE[fault](Seen(inputs, Charger(Settings()).snapshot(), 1.0))


def test_a_resistance_is_told_where_there_is_one() -> None:
    inputs = with_(pp=PpReading(219.6))
    assert EVIDENCE["proximity"](Seen(inputs, Charger(Settings()).snapshot(), 1.0)).endswith("220 ohm")
