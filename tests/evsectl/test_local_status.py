import json

import msgspec

from evsed.api.errors import ActiveErrors
from evsed.api.stamp import Stamp
from evsed.core import commands as c
from evsed.core.events import FaultRaised
from evsed.core.settings import KnownToken, Settings
from evsed.evsectl import status_view
from evsed.gateway.local_status import Names, charger_item, disabled_by, error_items
from hal.types import Temperature
from tests.bench import Bench

NAMES = Names((KnownToken("04a2b3c4", "Anna"), KnownToken("ff", "")))


def item_of(bench: Bench) -> dict:
    """As evsectl gets it."""
    item = charger_item(bench.charger.snapshot(), bench.clock.now_s(), NAMES)
    return json.loads(msgspec.json.encode(item))


def line(item: dict, label: str) -> str | None:
    return next((line.text for line in status_view.view(item) if line.label == label), None)


def test_card_holders_are_found_whatever_the_case():
    assert NAMES.of("04A2B3C4") == "Anna"
    assert NAMES.of("FF") == NAMES.of("") == NAMES.of("00") == ""


def test_instants_go_out_as_the_seconds_until_then():
    bench = Bench()
    bench.ask(c.SetLimit("local", 10.0, c.LimitKind.TIMEBOXED, 60.0))
    bench.ask(c.Reserve(c.Reservation(7, "04A2B3C4", "", bench.clock.now_s() + 90.0, 1_800_000_000.0)))
    bench.run(10.0)
    item = item_of(bench)
    assert next(row for row in item["limits"] if row["source"] == "local")["ends_in_s"] == 50.0
    assert item["reservation"] == {
        "reservation_id": 7, "id_token": "04A2B3C4", "token_name": "Anna", "parent_id": "",
        "expires_in_s": 80.0, "expiry": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    assert line(item, "Reserved") == "number 7, for token 04A2B3C4 (Anna), for another 0:01:20"


def test_a_card_holder_is_named_in_the_status():
    bench = Bench()
    bench.charge()
    assert "token 04A2B3C4 (Anna)" in line(item_of(bench), "Session")


def test_a_reservation_for_anybody_without_end():
    bench = Bench()
    bench.ask(c.Reserve(c.Reservation(3)))
    assert line(item_of(bench), "Reserved") == "number 3, for whoever comes, until cancelled"


def test_the_random_delay_is_told_once_it_is_on():
    bench = Bench(Settings(random_delay=True, random_delay_max_s=100.0))
    assert line(item_of(bench), "Delay") == "random delay on, none running"
    assert item_of(bench)["random_delay"] == {"countdown_s": 0, "during_a": 32.0, "after_a": 32.0}
    bench.run(6.0)
    bench.charge()
    bench.ask(c.SetLimit("local", 10.0))
    left_s = item_of(bench)["random_delay"]["countdown_s"]
    assert 1 <= left_s <= 100
    assert line(item_of(bench), "Delay") == f"{left_s} s left, then 10 A"


def test_temperatures_and_phases_are_told():
    bench = Bench(Settings(phase_switching=True))
    bench.sampler.temperatures = (Temperature("evse", 41.4), Temperature("plug", 38.0))
    bench.ask(c.SwitchPhases(False))
    bench.run(1.0)
    item = item_of(bench)
    assert line(item, "Temperature") == "evse 41 C, plug 38 C"
    assert " on 1 phase, limit" in line(item, "Offer")
    assert item["temperatures"][0] == {"location": "evse", "temperature_c": 41.4}


def test_what_is_not_there_takes_no_line():
    item = item_of(Bench())
    assert [line(item, label) for label in ("Reserved", "Delay", "Temperature")] == [None, None, None]


def test_waiting_for_the_external_ready_is_told():
    item = item_of(Bench(Settings(external_ready=True)))
    assert line(item, "State").startswith("Booting: waiting for the external ready")


def test_who_has_disabled_the_evse():
    row = c.AvailabilityRow(c.EnableSource.CSMS, c.EnableState.DISABLE, 50)
    assert disabled_by((row,)) == {"source": "CSMS", "priority": 50}
    assert disabled_by(()) is None


def test_faults_are_listed_as_they_are_now_whatever_clients_have_been_told():
    told = ActiveErrors()
    for n, name in enumerate(("rcd", "diode"), 1):
        told.on_event(FaultRaised(name, "a/B", "High", name), Stamp(1.0, 1_800_000_000.0, "boot", n))
    told.raise_own("generic/CommunicationFault", "silent", "nobody asks", at_utc_s=1_800_000_060.0)
    since_s = {"rcd": 1_800_000_001.0, "meter_silent": 1_800_000_002.0}
    now = error_items(told.active(), since_s)
    assert [(error["sub_type"], error["timestamp"]) for error in now] == [
        ("rcd", "2027-01-15T08:00:00.000Z"),  # as clients have been told
        ("meter_silent", "2027-01-15T08:00:02.000Z"),  # not told yet; diode is cleared, which is not told yet
        ("silent", "2027-01-15T08:01:00.000Z"),
    ]
    assert now[1]["message"] == "the energy meter does not answer"
    assert [error["sub_type"] for error in error_items(told.active(), None)] == ["rcd", "diode", "silent"]
