import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.api.encoding import encode, timestamp
from evsed.api.identity import Identity
from evsed.api.router import Router
from evsed.api.topics import VARIABLES, Variable
from evsed.core.inputs import LimitRow, Snapshot
from evsed.core.states import Ampacity, CpState, EvseState
from hal.types import Led, MeterReading

PREFIX = "everest_api/1/evse_manager_consumer/evse"
NOW_UTC_S = 1769847332.481
NOW = "2026-01-31T08:15:32.481Z"

Problems = Callable[..., list[str]]

CHARGING = Snapshot(
    state=EvseState.CHARGING,
    cp=CpState.C,
    cp_high_v=6.0,
    cp_low_v=-12.0,
    duty=16 / 60,
    offered_a=16.0,
    limit_a=16.0,
    limit_source="cable",
    limits=(LimitRow("config", 32.0), LimitRow("cable", 16.0)),
    phases=3,
    ampacity=Ampacity.A_20,
    contactor_closed=True,
    mirror_closed=True,
    locked=True,
    enabled=True,
    authorized=True,
    paused=False,
    session_uuid="8b0d",
    in_transaction=True,
    id_token="04A2",
    faults=(),
    led=Led(),
)
READING = MeterReading(
    at_s=12.0,
    energy_import_wh=1239888.0,
    energy_export_wh=1.5,
    power_w=11004.0,
    power_phase_w=(3668.0, 3668.0, 3668.0),
    voltage_v=(230.10000610351562, 230.1, 229.8),
    current_a=(15.9, 15.9, 16.0),
    frequency_hz=50.01,
    meter_id="MID-0001",
)


@pytest.mark.parametrize(
    ("name", "value", "payload"),
    [
        ("ready", True, b"true"),
        ("ready", False, b"false"),
        ("online", True, b"true"),
        ("heartbeat", 2**64 - 1, b"18446744073709551615"),
        ("selected_protocol", "IEC61851-1", b'"IEC61851-1"'),
    ],
)
def test_a_scalar_is_bare_json(
    router: Router, problems_of: Problems, name: str, value: object, payload: bytes
) -> None:
    publication = router.variable(name, value)
    assert publication.topic == f"{PREFIX}/e2m/{name}"
    assert publication.payload == payload
    assert problems_of(f"e2m/{name}", payload) == []


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_only_events_and_the_heartbeat_are_not_retained_and_only_events_are_qos_2(row: Variable) -> None:
    assert row.retain == (row.name not in ("session_event", "heartbeat"))
    assert row.qos == (2 if row.name == "session_event" else 0)


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("connector_type", ["sType2", "cType2"])
def test_what_we_are_is_told_as_the_contract_wants_it(
    problems_of: Problems, phases: int, connector_type: Any
) -> None:
    router = Router(Identity(phases=phases, connector_type=connector_type))
    told = router.of_identity()
    assert set(told) == {
        "evse_id",
        "hw_capabilities",
        "supported_energy_transfer_modes",
        "waiting_for_external_ready",
    }
    for name, publication in told.items():
        assert publication.topic == f"{PREFIX}/e2m/{name}"
        assert (publication.qos, publication.retain) == (0, True)
        assert problems_of(f"e2m/{name}", publication.payload) == []


def test_what_we_are_in_numbers() -> None:
    told = Router(Identity(phases=3, max_current_a=25.0)).of_identity()
    assert told["evse_id"].payload == b'"DE*PNX*E1234567*1"'
    assert told["waiting_for_external_ready"].payload == b"false"
    modes = told["supported_energy_transfer_modes"].payload
    assert modes == b'["AC_single_phase_core","AC_three_phase_core"]'
    assert json.loads(told["hw_capabilities"].payload) == {
        "max_current_A_import": 25.0,
        "min_current_A_import": 6.0,
        "max_phase_count_import": 3,
        "min_phase_count_import": 1,
        "max_current_A_export": 0.0,
        "min_current_A_export": 0.0,
        "max_phase_count_export": 3,
        "min_phase_count_export": 1,
        "supports_changing_phases_during_charging": False,
        "connector_type": "IEC62196Type2Socket",
    }


def test_a_single_phase_cable_says_so() -> None:
    told = Router(Identity(phases=1, connector_type="cType2")).of_identity()
    assert told["supported_energy_transfer_modes"].payload == b'["AC_single_phase_core"]'
    capabilities = json.loads(told["hw_capabilities"].payload)
    assert capabilities["connector_type"] == "IEC62196Type2Cable"
    assert capabilities["max_phase_count_import"] == 1


def test_the_charger_as_it_is_now(router: Router, problems_of: Problems) -> None:
    told = router.of_snapshot(CHARGING, NOW_UTC_S)
    assert {name: json.loads(publication.payload) for name, publication in told.items()} == {
        "limits": {"max_current": 16.0, "nr_of_phases_available": 3, "uuid": "evse"},
        "enforced_limits": {
            "uuid": "evse",
            "valid_for": 10,
            "limits_root_side": {
                "ac_max_current_A": {"value": 16.0, "source": "cable"},
                "ac_max_phase_count": {"value": 3, "source": "cable"},
            },
            "schedule": [
                {
                    "timestamp": NOW,
                    "limits_to_root": {
                        "ac_max_current_A": {"value": 16.0, "source": "cable"},
                        "ac_max_phase_count": {"value": 3, "source": "cable"},
                    },
                }
            ],
        },
        "ac_nr_of_phases_available": 3,
        "ac_pp_ampacity": {"ampacity": "A_20"},
    }
    for name, publication in told.items():
        assert publication.topic == f"{PREFIX}/e2m/{name}"
        assert problems_of(f"e2m/{name}", publication.payload) == []


def test_only_enforced_limits_changes_with_time_alone(router: Router) -> None:
    early, late = router.of_snapshot(CHARGING, NOW_UTC_S), router.of_snapshot(CHARGING, NOW_UTC_S + 1)
    assert {name for name in early if early[name] != late[name]} == {"enforced_limits"}


@pytest.mark.parametrize("ampacity", list(Ampacity))
def test_every_ampacity_is_in_the_contract(router: Router, problems_of: Problems, ampacity: Ampacity) -> None:
    told = router.of_snapshot(msgspec.structs.replace(CHARGING, ampacity=ampacity), NOW_UTC_S)
    assert problems_of("e2m/ac_pp_ampacity", told["ac_pp_ampacity"].payload) == []


def test_a_cable_tells_no_ampacity() -> None:
    told = Router(Identity(connector_type="cType2")).of_snapshot(CHARGING, NOW_UTC_S)
    assert "ac_pp_ampacity" not in told


def test_a_three_phase_reading_whole(router: Router, problems_of: Problems) -> None:
    publication = router.powermeter(READING, NOW_UTC_S)
    assert json.loads(publication.payload) == {
        "timestamp": NOW,
        "meter_id": "MID-0001",
        "energy_Wh_import": {"total": 1239888.0},
        "energy_Wh_export": {"total": 1.5},
        "power_W": {"total": 11004.0, "L1": 3668.0, "L2": 3668.0, "L3": 3668.0},
        "voltage_V": {"L1": 230.1, "L2": 230.1, "L3": 229.8},
        "current_A": {"L1": 15.9, "L2": 15.9, "L3": 16.0},
        "frequency_Hz": {"L1": 50.01},
    }
    assert publication.topic == f"{PREFIX}/e2m/powermeter"
    assert problems_of("e2m/powermeter", publication.payload) == []


def test_a_reading_tells_only_what_the_meter_has(router: Router, problems_of: Problems) -> None:
    publication = router.powermeter(MeterReading(1.0, 0.0), NOW_UTC_S)
    assert json.loads(publication.payload) == {"timestamp": NOW, "energy_Wh_import": {"total": 0.0}}
    assert problems_of("e2m/powermeter", publication.payload) == []


def test_a_zero_reading_is_a_reading(router: Router) -> None:
    reading = MeterReading(
        1.0,
        0.0,
        energy_export_wh=0.0,
        power_w=0.0,
        voltage_v=(230.0,),
        current_a=(0.0,),
        frequency_hz=0.0,
    )
    assert json.loads(router.powermeter(reading, NOW_UTC_S).payload) == {
        "timestamp": NOW,
        "energy_Wh_import": {"total": 0.0},
        "energy_Wh_export": {"total": 0.0},
        "power_W": {"total": 0.0},
        "voltage_V": {"L1": 230.0},
        "current_A": {"L1": 0.0},
        "frequency_Hz": {"L1": 0.0},
    }


def test_a_meter_without_total_power_gets_the_sum_of_its_phases(router: Router) -> None:
    reading = MeterReading(1.0, 0.0, power_phase_w=(100.0, 50.0))
    power = json.loads(router.powermeter(reading, NOW_UTC_S).payload)["power_W"]
    assert power == {"total": 150.0, "L1": 100.0, "L2": 50.0}


number = st.floats(-1e9, 1e9)
lines = st.lists(number, max_size=3).map(tuple)


@given(
    st.builds(
        MeterReading,
        at_s=number,
        energy_import_wh=st.floats(0, 1e12),
        energy_export_wh=st.none() | st.floats(0, 1e12),
        power_w=st.none() | number,
        power_phase_w=lines,
        voltage_v=lines,
        current_a=lines,
        frequency_hz=st.none() | st.floats(0, 100),
        meter_id=st.text(max_size=10),
    ),
    st.floats(0, 4e9),
)
def test_any_reading_is_sent_as_the_contract_wants_it(
    problems_of: Problems, reading: MeterReading, utc_s: float
) -> None:
    assert problems_of("e2m/powermeter", Router(Identity()).powermeter(reading, utc_s).payload) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_know_is_never_sent(router: Router, bad: float) -> None:
    with pytest.raises(ValueError, match=r"cannot send \$\.energy_Wh_import\.total"):
        router.powermeter(MeterReading(1.0, bad), NOW_UTC_S)
    with pytest.raises(ValueError, match=r"cannot send \$\.1\.a"):
        encode([1, {"a": bad}])


def test_the_word_null_may_be_sent() -> None:
    assert encode({"token": "null", "power": 1.0}) == b'{"token":"null","power":1.0}'


@pytest.mark.parametrize(
    ("utc_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (NOW_UTC_S, NOW),
        (1769847332.9996, "2026-01-31T08:15:32.999Z"),
        (4102444800.0, "2100-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_utc_with_milliseconds(utc_s: float, text: str) -> None:
    assert timestamp(utc_s) == text
