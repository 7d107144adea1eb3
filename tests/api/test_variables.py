import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.api import wire
from evsed.api import wire_extensions as ext
from evsed.api.encoding import encode, timestamp
from evsed.api.identity import Identity
from evsed.api.operations import Moment, Variable
from evsed.api.router import Router
from evsed.api.topics import VARIABLES
from evsed.core.inputs import LimitRow, RandomDelayInfo, Snapshot
from evsed.core.states import Ampacity, CpState, EvseState, StartReason
from evsed.core.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from hal.types import Led, MeterReading, RailsReading, Temperature

PREFIX = "everest_api/1/evse_manager_consumer/evse"
NOW_UTC_S = 1769847332.481
NOW = "2026-01-31T08:15:32.481Z"

Problems = Callable[..., list[str]]

HAPPENINGS = (
    "session_event",
    "error_raised",
    "error_cleared",
    "heartbeat",
    "provided_token",
    "hlc_session_failed",
    "iso15118_certificate_request",
)

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
    lines={},
    cp_samples_n=(32, 32),
)
RAILS = RailsReading(12.1, -11.9, 5.0)
WARM = (Temperature("evse", 41.5), Temperature("plug", 52.00000004))
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
    (publication,) = router.publications(name, value)
    assert publication.topic == f"{PREFIX}/e2m/{name}"
    assert publication.payload == payload
    assert problems_of(f"e2m/{name}", payload) == []


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_what_happens_is_not_retained_and_what_must_not_be_lost_is_qos_2(row: Variable) -> None:
    assert row.retain == (row.name not in HAPPENINGS)
    assert row.qos == (2 if row.name in ("session_event", "error_raised", "error_cleared") else 0)


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
    }
    for name, (publication,) in told.items():
        assert publication.topic == f"{PREFIX}/e2m/{name}"
        assert (publication.qos, publication.retain) == (0, True)
        assert problems_of(f"e2m/{name}", publication.payload) == []


def test_what_we_are_in_numbers() -> None:
    told = Router(Identity(phases=3, max_current_a=25.0)).of_identity()
    assert told["evse_id"][0].payload == b'"DE*PNX*E1234567*1"'
    modes = told["supported_energy_transfer_modes"][0].payload
    assert modes == b'["AC_single_phase_core","AC_three_phase_core"]'
    assert json.loads(told["hw_capabilities"][0].payload) == {
        "max_current_A_import": 25.0,
        "min_current_A_import": 6.0,
        "max_phase_count_import": 3,
        "min_phase_count_import": 1,
        "max_current_A_export": 0.0,
        "min_current_A_export": 0.0,
        "max_phase_count_export": 3,
        "min_phase_count_export": 1,
        "supports_changing_phases_during_charging": False,
        "supports_cp_state_E": False,
        "connector_type": "IEC62196Type2Socket",
    }


def test_a_single_phase_cable_says_so() -> None:
    told = Router(Identity(phases=1, connector_type="cType2")).of_identity()
    assert told["supported_energy_transfer_modes"][0].payload == b'["AC_single_phase_core"]'
    capabilities = json.loads(told["hw_capabilities"][0].payload)
    assert capabilities["connector_type"] == "IEC62196Type2Cable"
    assert capabilities["max_phase_count_import"] == 1


def test_switching_phases_is_a_capability() -> None:
    told = Router(Identity(phase_switching=True)).of_identity()["hw_capabilities"][0]
    assert json.loads(told.payload)["supports_changing_phases_during_charging"] is True


def values_of(router: Router, now: Snapshot, moment: Moment) -> dict[str, Any]:
    return {name: json.loads(one.payload) for name, (one,) in router.of_snapshot(now, moment).items()}


def test_the_charger_as_it_is_now(router: Router, problems_of: Problems, moment: Moment) -> None:
    told = router.of_snapshot(CHARGING, moment)
    assert values_of(router, CHARGING, moment) == {
        "limits": {"max_current": 16.0, "nr_of_phases_available": 3, "uuid": "evse"},
        "enforced_limits": {
            "uuid": "evse",
            "valid_for": 10,
            "limits_root_side": {
                "ac_max_current_A": {"value": 16.0, "source": "cable"},
                "ac_max_phase_count": {"value": 3, "source": "installation"},
            },
            "schedule": [
                {
                    "timestamp": NOW,
                    "limits_to_root": {
                        "ac_max_current_A": {"value": 16.0, "source": "cable"},
                        "ac_max_phase_count": {"value": 3, "source": "installation"},
                    },
                }
            ],
        },
        "ac_nr_of_phases_available": 3,
        "ac_pp_ampacity": {"ampacity": "A_20"},
        "waiting_for_external_ready": False,
    }
    for name, (publication,) in told.items():
        assert publication.topic == f"{PREFIX}/e2m/{name}"
        assert problems_of(f"e2m/{name}", publication.payload) == []


def test_only_enforced_limits_changes_with_time_alone(router: Router, moment: Moment) -> None:
    delay = RandomDelayInfo(412, during_a=0.0, after_a=16.0, started_at_s=999.0)
    now = msgspec.structs.replace(CHARGING, random_delay=delay, rails=RAILS, temperatures=WARM)
    later = Moment(moment.now_s + 1, moment.utc_s + 1)
    early, late = router.of_snapshot(now, moment), router.of_snapshot(now, later)
    assert set(early) >= {"random_delay_countdown", "telemetry"}
    assert {name for name in early if early[name] != late[name]} == {"enforced_limits"}


@pytest.mark.parametrize("ampacity", list(Ampacity))
def test_every_ampacity_is_in_the_contract(
    router: Router, problems_of: Problems, moment: Moment, ampacity: Ampacity
) -> None:
    told = router.of_snapshot(msgspec.structs.replace(CHARGING, ampacity=ampacity), moment)
    assert problems_of("e2m/ac_pp_ampacity", told["ac_pp_ampacity"][0].payload) == []


def test_waiting_for_external_ready_ends(router: Router, moment: Moment) -> None:
    waiting = msgspec.structs.replace(CHARGING, waits_for_external_ready=True)
    assert values_of(router, waiting, moment)["waiting_for_external_ready"] is True


def test_a_limit_in_watts_is_named_when_it_binds(
    router: Router, problems_of: Problems, moment: Moment
) -> None:
    rows = (LimitRow("cable", 32.0), LimitRow("external", 40.0, 3680.0), LimitRow("setpoint", power_w=9000.0))
    now = msgspec.structs.replace(CHARGING, limits=rows, limit_source="external", limit_a=16.0)
    publication = router.of_snapshot(now, moment)["enforced_limits"][0]
    limits = json.loads(publication.payload)["limits_root_side"]
    assert limits["total_power_W"] == {"value": 3680.0, "source": "external"}
    assert limits["ac_max_current_A"] == {"value": 16.0, "source": "external"}
    assert problems_of("e2m/enforced_limits", publication.payload) == []
    unbound = msgspec.structs.replace(now, limit_source="cable")
    assert "total_power_W" not in values_of(router, unbound, moment)["enforced_limits"]["limits_root_side"]


def test_the_number_of_phases_has_its_own_source(router: Router, moment: Moment) -> None:
    rows = (LimitRow("cable", 16.0), LimitRow("phases", phases=3), LimitRow("external", phases=1))
    now = msgspec.structs.replace(CHARGING, limits=rows, phases=1)
    limits = values_of(router, now, moment)["enforced_limits"]["schedule"][0]["limits_to_root"]
    assert limits["ac_max_phase_count"] == {"value": 1, "source": "external"}
    assert limits["ac_max_current_A"] == {"value": 16.0, "source": "cable"}


def test_telemetry_whole(router: Router, problems_of: Problems, moment: Moment) -> None:
    now = msgspec.structs.replace(CHARGING, rails=RAILS, temperatures=WARM)
    (publication,) = router.of_snapshot(now, moment)["telemetry"]
    assert json.loads(publication.payload) == {
        "evse_temperature_C": 41.5,
        "plug_temperature_C": 52.0,
        "fan_rpm": 0.0,
        "supply_voltage_12V": 12.1,
        "supply_voltage_minus_12V": -11.9,
        "relais_on": True,
        "limit_source": "cable",
        "limit_A": 16.0,
    }
    assert problems_of("e2m/telemetry", publication.payload) == []


def test_telemetry_shows_what_the_contacts_do(router: Router, moment: Moment) -> None:
    welded = msgspec.structs.replace(
        CHARGING, contactor_closed=False, mirror_closed=True, rails=RAILS, temperatures=WARM[:1]
    )
    told = values_of(router, welded, moment)["telemetry"]
    assert told["relais_on"] is True
    assert "plug_temperature_C" not in told


@pytest.mark.parametrize(("rails", "temperatures"), [(None, "WARM"), ("RAILS", "none"), ("RAILS", "plug")])
def test_no_telemetry_before_its_values_are_known(
    router: Router, moment: Moment, rails: str | None, temperatures: str
) -> None:
    known = {"WARM": WARM, "none": (), "plug": WARM[1:]}[temperatures]
    now = msgspec.structs.replace(CHARGING, rails=rails and RAILS, temperatures=known)
    assert "telemetry" not in router.of_snapshot(now, moment)


def test_a_random_delay_is_counted_down(router: Router, problems_of: Problems, moment: Moment) -> None:
    running = RandomDelayInfo(412, during_a=0.0, after_a=16.0, started_at_s=moment.now_s - 1)
    now = msgspec.structs.replace(CHARGING, random_delay=running)
    (publication,) = router.of_snapshot(now, moment)["random_delay_countdown"]
    assert json.loads(publication.payload) == {
        "countdown_s": 412,
        "current_limit_after_delay_A": 16.0,
        "current_limit_during_delay_A": 0.0,
        "start_time": "2026-01-31T08:15:31.481Z",
    }
    assert problems_of("e2m/random_delay_countdown", publication.payload) == []


def test_an_enabled_random_delay_that_does_not_run_says_zero(router: Router, moment: Moment) -> None:
    now = msgspec.structs.replace(CHARGING, random_delay=RandomDelayInfo(0, during_a=16.0, after_a=16.0))
    assert values_of(router, now, moment)["random_delay_countdown"] == {
        "countdown_s": 0,
        "current_limit_after_delay_A": 16.0,
        "current_limit_during_delay_A": 16.0,
    }
    assert "random_delay_countdown" not in router.of_snapshot(CHARGING, moment)


# One value of each variable that others produce.
TOKEN = {"id_token": {"value": "04A2", "type": "ISO14443"}, "authorization_type": "RFID"}
EXAMPLES: list[tuple[str, object, Any]] = [
    ("powermeter_public_key_ocmf", "3059", "3059"),
    ("dlink_ready", False, False),
    ("car_manufacturer", ext.CarManufacturer.TESLA, "Tesla"),
    ("provided_token", ProvidedIdToken(IdToken("04A2", IdTokenType.ISO14443), AuthorizationType.RFID), TOKEN),
    ("isolation_measurement", ext.IsolationMeasurement(9e5), {"resistance_F_Ohm": 9e5}),
    (
        "isolation_measurement",
        ext.IsolationMeasurement(9e5, 400.0, 200.0, -200.0),
        {
            "resistance_F_Ohm": 9e5,
            "voltage_V": 400.0,
            "voltage_to_earth_l1e_V": 200.0,
            "voltage_to_earth_l2e_V": -200.0,
        },
    ),
    ("dc_voltage_current", ext.VoltageCurrent(400.2, 62.5), {"voltage_V": 400.2, "current_A": 62.5}),
    (
        "hlc_session_failed",
        ext.HlcSessionFailedEvent("8b0d", ext.HlcSessionFailedReason.FAILED_TLS_HANDSHAKE),
        {"uuid": "8b0d", "reason": "FailedTLSHandshake"},
    ),
    (
        "iso15118_certificate_request",
        ext.RequestExiStream("gJgC", "urn:iso:15118:2:2013:MsgDef", ext.CertificateAction.UPDATE),
        {
            "exi_request": "gJgC",
            "iso15118_schema_version": "urn:iso:15118:2:2013:MsgDef",
            "certificate_action": "Update",
        },
    ),
    (
        "dc_capabilities",
        ext.DcCapabilities(
            bidirectional=False,
            max_export_voltage_v=1000.0,
            min_export_voltage_v=150.0,
            max_export_current_a=100.0,
            min_export_current_a=1.0,
            max_export_power_w=30000.0,
            current_regulation_tolerance_a=1.0,
            peak_current_ripple_a=2.0,
            conversion_efficiency_export=0.95,
        ),
        {
            "bidirectional": False,
            "max_export_voltage_V": 1000.0,
            "min_export_voltage_V": 150.0,
            "max_export_current_A": 100.0,
            "min_export_current_A": 1.0,
            "max_export_power_W": 30000.0,
            "current_regulation_tolerance_A": 1.0,
            "peak_current_ripple_A": 2.0,
            "conversion_efficiency_export": 0.95,
        },
    ),
    (
        "ev_info",
        wire.EvInfo(soc=57.0, evcc_id="00:7D:FA:01:02:03", departure_time=NOW),
        {"soc": 57.0, "evcc_id": "00:7D:FA:01:02:03", "departure_time": NOW},
    ),
    *(("dc_mode", mode, mode.value) for mode in ext.DcMode),
]


@pytest.mark.parametrize(("name", "value", "expected"), EXAMPLES)
def test_what_others_produce_is_sent_as_the_contract_wants_it(
    router: Router, problems_of: Problems, name: str, value: object, expected: Any
) -> None:
    (publication,) = router.publications(name, value)
    assert json.loads(publication.payload) == expected
    assert problems_of(f"e2m/{name}", publication.payload) == []


def test_the_reply_of_get_is_what_newer_versions_want(
    router: Router, problems_of: Problems, contract: dict[str, Any], moment: Moment
) -> None:
    now = msgspec.structs.replace(CHARGING, rails=RAILS, temperatures=WARM)
    told = [
        *router.of_identity().values(),
        *router.of_snapshot(now, moment).values(),
        router.powermeter(READING, NOW_UTC_S),
        # A newer document has false in place of "Off", which its own type then forbids: 1.0.0 is right.
        *(router.publications(name, value) for name, value, _ in EXAMPLES if value is not ext.DcMode.OFF),
    ]
    checked = 0
    for (publication,) in told:
        address = f"m2e/{publication.topic.rpartition('/')[2]}/get"
        if address in contract:
            assert problems_of(address, publication.payload, reply=True) == []
            assert problems_of(address, b"null", reply=True) == []
            checked += 1
    assert checked > 12


@pytest.mark.parametrize(
    ("enum", "definition"),
    [
        (ext.CarManufacturer, "CarManufacturer"),
        (ext.DcMode, "Mode"),
        (ext.HlcSessionFailedReason, "HlcSessionFailedReasonEnum"),
        (ext.CertificateAction, "CertificateActionEnum"),
        (ext.EnergyTransferModesResult, "UpdateAllowedEnergyTransferModesResult"),
    ],
)
def test_an_enum_has_the_values_of_the_contract(
    contract: dict[str, tuple[Any, Any, dict[str, Any]]], enum: type[Enum], definition: str
) -> None:
    schema = next(defs[definition] for _, _, defs in contract.values() if definition in defs)
    assert [member.value for member in enum] == schema["enum"]


def test_a_session_record_leaves_out_what_is_not_known() -> None:
    open_session = ext.SessionRecord("8b0d", NOW, 12.5, StartReason.EV_CONNECTED)
    assert json.loads(encode(open_session)) == {
        "uuid": "8b0d",
        "session_start_time": NOW,
        "charged_energy_wh": 12.5,
        "start_reason": "EVConnected",
    }


def test_a_cable_tells_no_ampacity(moment: Moment) -> None:
    told = Router(Identity(connector_type="cType2")).of_snapshot(CHARGING, moment)
    assert "ac_pp_ampacity" not in told


def test_a_three_phase_reading_whole(router: Router, problems_of: Problems) -> None:
    (publication,) = router.powermeter(READING, NOW_UTC_S)
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
    (publication,) = router.powermeter(MeterReading(1.0, 0.0), NOW_UTC_S)
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
    assert json.loads(router.powermeter(reading, NOW_UTC_S)[0].payload) == {
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
    power = json.loads(router.powermeter(reading, NOW_UTC_S)[0].payload)["power_W"]
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
    assert problems_of("e2m/powermeter", Router(Identity()).powermeter(reading, utc_s)[0].payload) == []


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
