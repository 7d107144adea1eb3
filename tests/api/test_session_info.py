from collections.abc import Callable

import pytest

from evsed.api.encoding import encode
from evsed.api.session_info import SessionInfoProjector
from evsed.api.wire import InfoState, SessionInfo
from evsed.core.commands import Reservation
from evsed.core.events import SessionEvent
from evsed.core.states import EventKind, StopReason
from hal.types import MeterReading

Problems = Callable[..., list[str]]

KINDS = {kind.value: kind for kind in EventKind}
T0_UTC_S = 1769847332.0


def event(word: str) -> SessionEvent:
    """An event in the spelling of EVENTS.md: TransactionFinished(Local), StoppingCharging(EV)."""
    name, _, argument = word.rstrip(")").partition("(")
    if name == "TransactionFinished":
        return SessionEvent(KINDS[name], "u", stop_reason=StopReason(argument))
    return SessionEvent(KINDS[name], "u", ev_left=argument == "EV")


def states(words: str) -> list[str]:
    """session_info.state after each of the events."""
    projector = SessionInfoProjector()
    told = []
    for word in words.split():
        projector.on_event(event(word), T0_UTC_S)
        told.append(projector.info(T0_UTC_S).state.value)
    return told


BOOT = "Enabled "
PLUG = BOOT + "SessionStarted AuthRequired "
AUTHORIZED = PLUG + "Authorized TransactionStarted PrepareCharging "
CHARGING = AUTHORIZED + "ChargingStarted "

# before | events | state after each of them
SEQUENCES = {
    "boot enabled": ("", "Enabled", "Unplugged"),
    "boot disabled": ("", "Disabled", "Disabled"),
    "plug": (BOOT, "SessionStarted AuthRequired", "Preparing AuthRequired"),
    "accepted authorization": (
        PLUG,
        "Authorized TransactionStarted PrepareCharging",
        "AuthRequired Preparing Preparing",
    ),
    "energy flows": (AUTHORIZED, "ChargingStarted", "Charging"),
    "authorization first": (
        BOOT,
        "SessionStarted Authorized AuthRequired TransactionStarted PrepareCharging",
        "Preparing Preparing AuthRequired Preparing Preparing",
    ),
    "EV pauses and resumes": (
        CHARGING,
        "ChargingPausedEV ChargingResumed",
        "ChargingPausedEV Charging",
    ),
    "EVSE pauses and resumes": (
        CHARGING,
        "ChargingPausedEVSE WaitingForEnergy PrepareCharging ChargingStarted",
        "ChargingPausedEVSE WaitingForEnergy Preparing Charging",
    ),
    "no energy and back": (
        CHARGING,
        "WaitingForEnergy PrepareCharging ChargingStarted",
        "WaitingForEnergy Preparing Charging",
    ),
    "unplug while charging": (
        CHARGING,
        "StoppingCharging(EV) ChargingFinished TransactionFinished(EVDisconnected) SessionFinished",
        "FinishedEV Finished Finished Unplugged",
    ),
    "unplug by way of B": (
        CHARGING,
        "ChargingPausedEV StoppingCharging(EV) ChargingFinished TransactionFinished(EVDisconnected) "
        "SessionFinished",
        "ChargingPausedEV FinishedEV Finished Finished Unplugged",
    ),
    "local stop, unplug": (
        CHARGING,
        "StoppingCharging ChargingFinished TransactionFinished(Local) SessionFinished",
        "Charging Finished FinishedEVSE Unplugged",
    ),
    "remote stop, unplug": (
        CHARGING,
        "StoppingCharging ChargingFinished TransactionFinished(Remote) SessionFinished",
        "Charging Finished Finished Unplugged",
    ),
    "stop in a pause": (
        CHARGING,
        "ChargingPausedEVSE StoppingCharging ChargingFinished TransactionFinished(UnlockCommand)",
        "ChargingPausedEVSE ChargingPausedEVSE Finished Finished",
    ),
    "withdrawn while plugged": (
        PLUG,
        "Deauthorized PluginTimeout SessionFinished",
        "AuthRequired AuthTimeout Unplugged",
    ),
    "withdrawn while not plugged": (
        BOOT + "SessionStarted Authorized ",
        "Deauthorized SessionFinished",
        "Preparing Unplugged",
    ),
    "withdrawn in a transaction": (
        CHARGING,
        "Deauthorized StoppingCharging ChargingFinished TransactionFinished(DeAuthorized)",
        "Charging Charging Finished Finished",
    ),
    "disable in a session": (
        CHARGING,
        "StoppingCharging ChargingFinished TransactionFinished(Other) SessionFinished Disabled",
        "Charging Finished Finished Unplugged Disabled",
    ),
    "enable with the EV there": (
        BOOT + "Disabled ",
        "Enabled SessionStarted AuthRequired",
        "Unplugged Preparing AuthRequired",
    ),
    "enabled once more in a session": (CHARGING, "Enabled", "Charging"),
    "fault and cleared": (
        CHARGING,
        "ChargingPausedEVSE PrepareCharging ChargingStarted",
        "ChargingPausedEVSE Preparing Charging",
    ),
    "phase switch": (
        CHARGING,
        "SwitchingPhases PrepareCharging ChargingStarted",
        "Charging Preparing Charging",
    ),
    "replug": (CHARGING, "ReplugStarted ReplugFinished", "Charging Charging"),
    "reserved and cancelled": (BOOT, "ReservationStart ReservationEnd", "Reserved Unplugged"),
    "reserved and used": (
        BOOT,
        "ReservationStart SessionStarted ReservationEnd AuthRequired",
        "Reserved Preparing Preparing AuthRequired",
    ),
    "reserved in a session": (CHARGING, "ReservationStart ReservationEnd", "Charging Charging"),
    "power loss": (
        CHARGING,
        "SessionResumed TransactionFinished(PowerLoss) SessionFinished",
        "Charging Finished Unplugged",
    ),
    "restart before a transaction": (
        PLUG,
        "SessionResumed SessionFinished",
        "AuthRequired Unplugged",
    ),
    "restart, resumable": (
        CHARGING,
        "SessionResumed PrepareCharging ChargingStarted",
        "Charging Preparing Charging",
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_state_after_each_event_of(name: str) -> None:
    before, events, expected = SEQUENCES[name]
    assert states(before + events)[len(before.split()) :] == expected.split()


def test_a_session_that_ends_under_a_reservation_leaves_it_reserved() -> None:
    projector = SessionInfoProjector()
    projector.on_event(SessionEvent(EventKind.SESSION_STARTED, "u"), T0_UTC_S)
    finished = SessionEvent(EventKind.SESSION_FINISHED, "u", reservation=Reservation(7))
    projector.on_event(finished, T0_UTC_S + 1)
    assert told(projector, 1).state is InfoState.RESERVED
    projector.on_event(SessionEvent(EventKind.RESERVATION_END), T0_UTC_S + 2)
    assert told(projector, 2).state is InfoState.UNPLUGGED


def test_every_kind_of_event_occurs_in_the_sequences() -> None:
    words = " ".join(before + events for before, events, _ in SEQUENCES.values()).split()
    assert {word.partition("(")[0] for word in words} == set(KINDS)


def reading(at_s: float, import_wh: float, **more: float) -> MeterReading:
    return MeterReading(at_s, import_wh, **more)  # type: ignore[arg-type]


def told(projector: SessionInfoProjector, now_s: float) -> SessionInfo:
    return projector.info(T0_UTC_S + now_s)


class Session:
    """Events and readings at seconds since T0."""

    def __init__(self) -> None:
        self.projector = SessionInfoProjector()

    def on(self, at_s: float, word: str, meter: MeterReading | None = None) -> "Session":
        source = event(word)
        self.projector.on_event(
            SessionEvent(source.kind, "u", meter, stop_reason=source.stop_reason), T0_UTC_S + at_s
        )
        return self

    def meter(self, sample: MeterReading) -> "Session":
        self.projector.on_meter(sample)
        return self

    def info(self, at_s: float) -> SessionInfo:
        return told(self.projector, at_s)


def charging(import_wh: float = 1000.0) -> Session:
    session = Session().on(0, "SessionStarted", reading(0, import_wh))
    return session.on(10, "TransactionStarted", reading(10, import_wh)).on(11, "ChargingStarted")


def test_before_any_session_all_is_zero_and_unknown() -> None:
    assert Session().info(0) == SessionInfo(
        state=told(SessionInfoProjector(), 0).state,
        charged_energy_wh=0,
        discharged_energy_wh=0,
        latest_total_w=0,
        session_duration_s=0,
        timestamp="2026-01-31T08:15:32.000Z",
        selected_protocol="Unknown",
    )
    assert b'"state":"Unknown"' in encode(Session().info(0))


def test_energy_counts_from_the_start_of_the_transaction_to_the_newest_sample() -> None:
    session = Session().on(0, "SessionStarted", reading(0, 900.0)).meter(reading(5, 950.0))
    assert session.info(5).charged_energy_wh == 0
    session.on(10, "TransactionStarted", reading(10, 1000.0))
    assert session.info(10).charged_energy_wh == 0
    assert session.meter(reading(20, 1012.7)).info(20).charged_energy_wh == 12


def test_a_transaction_without_a_first_reading_counts_from_the_next_one() -> None:
    session = Session().on(0, "SessionStarted").on(10, "TransactionStarted")
    assert session.info(10).charged_energy_wh == 0
    assert session.meter(reading(11, 500.0)).info(11).charged_energy_wh == 0
    assert session.meter(reading(12, 503.0)).info(12).charged_energy_wh == 3


def test_an_event_with_an_older_reading_does_not_turn_energy_back() -> None:
    session = charging().meter(reading(20, 1012.0)).on(20, "ChargingPausedEV", reading(19, 1011.0))
    assert session.info(20).charged_energy_wh == 12


def test_an_event_with_a_newer_reading_counts() -> None:
    session = charging().meter(reading(20, 1012.0)).on(21, "ChargingPausedEV", reading(21, 1013.0))
    assert session.info(21).charged_energy_wh == 13


def test_the_final_energy_is_that_of_the_two_transaction_events() -> None:
    session = charging().meter(reading(20, 1012.0))
    session.on(21, "TransactionFinished(Local)", reading(19.5, 1011.0)).meter(reading(22, 1013.0))
    assert session.info(22).charged_energy_wh == 11


def test_a_transaction_that_finishes_without_a_reading_keeps_the_newest() -> None:
    session = charging().meter(reading(20, 1012.0)).on(21, "TransactionFinished(PowerLoss)")
    assert session.info(22).charged_energy_wh == 12


def test_energy_is_never_negative() -> None:
    assert charging().meter(reading(20, 5.0)).info(20).charged_energy_wh == 0


def test_exported_energy_is_told_apart() -> None:
    session = Session().on(0, "SessionStarted")
    session.on(1, "TransactionStarted", reading(1, 0.0, energy_export_wh=10.0))
    session.meter(reading(2, 0.0, energy_export_wh=14.9))
    assert session.info(2).discharged_energy_wh == 4
    assert session.info(2).charged_energy_wh == 0


def test_power_is_that_of_the_newest_sample_that_has_it_and_zero_for_a_new_session() -> None:
    session = charging().meter(reading(20, 1000.0, power_w=11003.7))
    assert session.info(20).latest_total_w == 11004
    assert session.meter(reading(21, 1000.0)).info(21).latest_total_w == 11004
    assert session.on(30, "SessionFinished").info(30).latest_total_w == 11004
    assert session.on(31, "SessionStarted").info(31).latest_total_w == 0


def test_durations_run_in_whole_seconds_and_stop_at_the_end() -> None:
    session = charging()
    assert (session.info(42.9).session_duration_s, session.info(42.9).transaction_duration_s) == (42, 32)
    session.on(50, "TransactionFinished(Local)").on(60, "SessionFinished")
    assert (session.info(99).session_duration_s, session.info(99).transaction_duration_s) == (60, 40)


def test_a_clock_set_back_makes_no_negative_duration() -> None:
    assert charging().info(-100).session_duration_s == 0
    assert charging().info(-100).transaction_duration_s == 0


def test_times_appear_as_they_come_and_stay_until_the_next_session() -> None:
    session = Session().on(0, "SessionStarted")
    first = session.info(1)
    assert first.session_start_time == "2026-01-31T08:15:32.000Z"
    assert first.transaction_start_time is first.transaction_duration_s is first.session_end_time is None
    session.on(10, "TransactionStarted").on(20, "TransactionFinished(Local)").on(30, "SessionFinished")
    last = session.info(1000)
    assert last.session_start_time == "2026-01-31T08:15:32.000Z"
    assert last.transaction_start_time == "2026-01-31T08:15:42.000Z"
    assert last.transaction_end_time == "2026-01-31T08:15:52.000Z"
    assert last.session_end_time == "2026-01-31T08:16:02.000Z"
    again = session.on(40, "SessionStarted").info(40)
    assert again.session_start_time == "2026-01-31T08:16:12.000Z"
    assert again.session_end_time is again.transaction_start_time is again.transaction_end_time is None


def test_a_new_session_counts_from_zero() -> None:
    session = charging().meter(reading(20, 1012.0)).on(21, "TransactionFinished(Local)")
    session.on(22, "SessionFinished").on(30, "SessionStarted")
    assert session.info(30).charged_energy_wh == 0


def test_a_second_transaction_in_a_session_counts_anew() -> None:
    session = charging().meter(reading(20, 1012.0)).on(21, "TransactionFinished(Local)", reading(21, 1012.0))
    session.on(30, "TransactionStarted", reading(30, 1012.0)).meter(reading(40, 1015.0))
    info = session.info(45)
    assert (info.charged_energy_wh, info.transaction_duration_s) == (3, 15)
    assert info.transaction_end_time is None


def test_the_protocol_is_known_from_plug_to_the_end_of_the_transaction() -> None:
    session = Session()
    assert session.info(0).selected_protocol == "Unknown"
    assert session.on(0, "SessionStarted").info(0).selected_protocol == "IEC61851-1"
    session.on(1, "TransactionStarted")
    assert session.on(2, "TransactionFinished(Local)").info(2).selected_protocol == "Unknown"
    session.on(3, "SessionStarted")
    assert session.on(4, "SessionFinished").info(4).selected_protocol == "Unknown"


def test_after_a_restart_of_the_machine_readings_count_although_their_time_begins_anew() -> None:
    session = charging().meter(reading(5000, 1012.0)).on(6000, "SessionResumed")
    assert session.meter(reading(3, 1020.0)).info(6001).charged_energy_wh == 20


def test_a_session_found_without_its_start_ends_all_the_same() -> None:
    session = Session().on(0, "SessionResumed").on(1, "TransactionFinished(PowerLoss)")
    info = session.on(2, "SessionFinished").info(3)
    assert (info.session_duration_s, info.transaction_duration_s) == (0, None)
    assert info.session_end_time == "2026-01-31T08:15:34.000Z"


def test_what_is_told_holds_the_contract_at_every_moment(problems_of: Problems) -> None:
    session = Session()
    words = CHARGING + "StoppingCharging ChargingFinished TransactionFinished(Local) SessionFinished"
    for n, word in enumerate(words.split()):
        session.on(n, word, reading(n, 1000.5 + n, power_w=-0.4))
        assert problems_of("e2m/session_info", encode(session.info(n + 0.5))) == []


def test_a_restarted_gateway_tells_the_same() -> None:
    events = [event(word) for word in CHARGING.split()]
    first, second = SessionInfoProjector(), SessionInfoProjector()
    for n, source in enumerate(events):
        first.on_event(source, T0_UTC_S + n)
    start = next(n for n, source in enumerate(events) if source.kind is EventKind.SESSION_STARTED)
    for n, source in enumerate(events[start:], start):
        second.on_event(source, T0_UTC_S + n)
    assert first.info(T0_UTC_S + 99) == second.info(T0_UTC_S + 99)
