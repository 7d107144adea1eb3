"""What ends a transaction by itself."""

from evsed.core.commands import SetSessionLimits
from evsed.core.session_limits import SessionLimits
from evsed.core.settings import Settings
from evsed.core.states import StopReason


def test_nothing_is_reached_without_limits_or_before_the_start() -> None:
    assert SessionLimits(Settings(session_duration_s=1.0)).reached(1e9, 1e9) is None
    limits = SessionLimits(Settings())
    limits.start(0.0, 0.0)
    assert limits.reached(1e9, 1e9) is None
    assert limits.rows() == ()


def test_a_meter_that_comes_late_counts_from_its_first_reading() -> None:
    limits = SessionLimits(Settings(session_energy_wh=100.0))
    limits.start(0.0, None)
    assert limits.reached(1.0, None) is None
    assert limits.reached(2.0, 5000.0) is None
    assert limits.reached(3.0, 5099.9) is None
    assert limits.reached(4.0, 5100.0) is StopReason.ENERGY_LIMIT_REACHED


def test_a_clients_limits_replace_those_of_the_configuration_until_the_session_is_over() -> None:
    limits = SessionLimits(Settings(session_duration_s=10.0, price_per_kwh=0.5))
    limits.set(SetSessionLimits(cost=1.0))
    limits.start(0.0, 0.0)
    assert limits.reached(20.0, 1999.0) is None
    assert limits.reached(20.0, 2000.0) is StopReason.LOCAL_OUT_OF_CREDIT
    assert limits.rows()[0].text == "ends at cost 1 at 0.5 a kWh"
    limits.forget()
    limits.start(20.0, 0.0)
    assert limits.reached(30.0, 0.0) is StopReason.TIME_LIMIT_REACHED


def test_the_texts_of_all_three() -> None:
    limits = SessionLimits(Settings())
    limits.set(SetSessionLimits(5000.0, 3600.0, 2.5, 0.3))
    assert limits.rows()[0].text == "ends at 5000 Wh, 3600 s, cost 2.5 at 0.3 a kWh"
