"""Board + link -> Inputs, and configuration -> settings."""

import msgspec
import pytest

from evsed.config.core_settings import settings_of
from evsed.config.schema import Config
from evsed.control.sampling import Sampler
from evsed.core import commands as c
from evsed.core.settings import AuthMode, KnownToken, Settings
from hal.types import MeterReading, RailsReading, Temperature
from tests.control.rig import NotedLines

REQUEST = (c.Request(1, c.PauseCharging()),)


def test_every_sample_has_a_number_of_its_own_and_takes_what_the_link_brought() -> None:
    sampler = Sampler(NotedLines())
    first = sampler.sample(())
    sampler.meter, sampler.stored_transaction = MeterReading(1.0, 2.0), "tx-1"
    second = sampler.sample(REQUEST)
    assert second.sample_seq == first.sample_seq + 1
    assert (second.meter, second.stored_transaction, second.requests) == (
        MeterReading(1.0, 2.0),
        "tx-1",
        REQUEST,
    )


def test_before_the_first_sample_there_is_nothing_to_take_again() -> None:
    assert Sampler(NotedLines()).resample(REQUEST) is None


def test_a_resample_has_the_old_sample_with_new_requests_trips_meter_and_acknowledgement() -> None:
    board = NotedLines()
    sampler = Sampler(board)
    sampler.meter = MeterReading(1.0, 2.0)
    old = sampler.sample(())
    board.contactor.drive(True)
    sampler.meter, sampler.stored_transaction = MeterReading(2.0, 3.0), "tx-1"
    board.trips.rcd, board.trips.stop, board.trips.button = True, True, True
    sampler.temperatures = (Temperature("evse", 90.0),)
    assert sampler.resample(REQUEST) == msgspec.structs.replace(
        old,
        requests=REQUEST,
        meter=MeterReading(2.0, 3.0),
        stored_transaction="tx-1",
        rcd_tripped=True,
        emergency_stop=True,
    )


def test_rails_temperatures_and_the_stop_button_are_in_a_sample() -> None:
    board = NotedLines()
    sampler = Sampler(board)
    sampler.temperatures = (Temperature("plug", 60.0),)
    board.trips.button = True
    inputs = sampler.sample(())
    assert (inputs.rails, inputs.temperatures, inputs.stop_pressed) == (
        RailsReading(12.0, -12.0, 5.0),
        (Temperature("plug", 60.0),),
        True,
    )


def test_a_board_that_measures_no_rails_says_nothing_of_them() -> None:
    assert Sampler(NotedLines(rails=False)).sample(()).rails is None


def test_a_board_without_a_socket_has_neither_proximity_nor_lock() -> None:
    inputs = Sampler(NotedLines(socket=False)).sample(())
    assert (inputs.pp, inputs.locked) == (None, False)


def test_a_used_uuid_is_replaced_and_another_one_is_not() -> None:
    sampler = Sampler(NotedLines())
    spare = sampler.sample(()).spare_uuid
    sampler.uuid_used("another")
    assert sampler.sample(()).spare_uuid == spare
    sampler.uuid_used(spare)
    assert sampler.sample(()).spare_uuid != spare


# fmt: off
KEYS = [
    ("evse", "max_current_a", 16.0, "max_current_a", 16.0),
    ("evse", "phases", 1, "phases", 1),
    ("evse", "connector_type", "cType2", "socket", False),
    ("evse", "has_ventilation", False, "has_ventilation", False),
    ("evse", "cable_ampacity_a", 20.0, "cable_ampacity_a", 20.0),
    ("evse", "connector_id", 2, "connector_id", 2),
    ("auth", "mode", "tokens", "auth_mode", AuthMode.TOKENS),
    ("auth", "tokens", ["A", "B"], "tokens", (KnownToken("A"), KnownToken("B"))),
    ("auth", "connection_timeout_s", 5.0, "connection_timeout_s", 5.0),
    ("core", "reclose_min_s", 1.0, "reclose_min_s", 1.0),
    ("core", "state_f_s", 0.5, "state_f_s", 0.5),
    ("core", "wake_up", False, "wake_up", False),
    ("core", "ev_stop_s", 9.0, "ev_stop_s", 9.0),
    ("limits", "fallback_a", 8.0, "fallback_a", 8.0),
    ("over_current", "tolerance_percent", 20.0, "over_current_tolerance", 0.2),
    ("over_current", "noise_a", 1.0, "over_current_noise_a", 1.0),
    ("over_current", "timeout_s", 8.0, "over_current_timeout_s", 8.0),
    ("meter", "silent_s", 20.0, "meter_silent_s", 20.0),
    ("api", "newer_enums", True, "newer_enums", True),
]
# fmt: on


@pytest.mark.parametrize(("section", "key", "value", "field", "expected"), KEYS)
def test_each_key_becomes_its_number(
    section: str, key: str, value: object, field: str, expected: object
) -> None:
    changed = msgspec.structs.replace(getattr(Config(), section), **{key: value})
    settings = settings_of(msgspec.structs.replace(Config(), **{section: changed}))
    assert settings == msgspec.structs.replace(Settings(), **{field: expected})


def test_packaged_defaults_and_defaults_of_the_core_agree() -> None:
    assert settings_of(Config()) == Settings()
