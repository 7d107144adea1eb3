"""Settings that change while the charger runs."""

import msgspec

from evsed.core import commands as c
from evsed.core.random_delay import RandomDelay
from evsed.core.settings import SOFT, AuthMode, KnownToken, Settings, SwitchMode, with_soft
from evsed.core.states import EvseState
from tests.bench import Bench, token

PHASES = Settings(phase_switching=True)


def configure(bench: Bench, **changes: object) -> None:
    settings = msgspec.structs.replace(bench.charger._s.settings, **changes)
    assert bench.ask(c.Configure(settings)).result is True


def test_what_is_not_soft_stays_as_it_is() -> None:
    soft = {"wake_up": False, "tokens": (KnownToken("04A2B3C4"),)}
    wanted = msgspec.structs.replace(
        Settings(), max_current_a=80.0, fallback_a=16.0, reclose_min_s=0.0, has_ventilation=False, **soft
    )
    assert with_soft(Settings(), wanted) == msgspec.structs.replace(Settings(), **soft)
    assert set(SOFT) <= set(Settings.__struct_fields__)


def test_a_charge_goes_on_under_it_and_the_installation_is_not_touched() -> None:
    bench = Bench()
    bench.charge(32.0)
    bench.forget()
    configure(bench, auth_mode=AuthMode.FREE, max_current_a=80.0, wake_up=False, ev_stop_s=60.0)
    bench.run(2.0)
    assert bench.powered
    assert bench.told() == ""
    assert bench.charger.snapshot().limit_a == 32.0


def test_an_ev_that_waits_is_served_once_nobody_needs_to_be_asked() -> None:
    bench = Bench()
    bench.plug_in()
    assert bench.state is EvseState.WAITING_FOR_AUTHENTICATION
    configure(bench, auth_mode=AuthMode.FREE)
    bench.request_power()
    bench.run_until(EvseState.CHARGING)


def test_a_new_card_is_known_at_once() -> None:
    bench = Bench(Settings(auth_mode=AuthMode.TOKENS))
    bench.plug_in()
    assert bench.ask(c.PresentToken(token("04A2B3C4"))).result is False
    configure(bench, tokens=(KnownToken("04A2B3C4", "Anna"),))
    assert bench.ask(c.PresentToken(token("04A2B3C4"))).result is True


def test_a_limit_of_the_session_counts_for_the_transaction_that_runs() -> None:
    bench = Bench()
    bench.charge()
    configure(bench, session_duration_s=5.0)
    bench.run(6.0)
    assert "TransactionFinished" in bench.told()


def test_but_not_over_that_of_a_client() -> None:
    bench = Bench()
    bench.charge()
    bench.ask(c.SetSessionLimits(duration_s=3600.0))
    bench.forget()
    configure(bench, session_duration_s=5.0)
    bench.run(6.0)
    assert bench.told() == ""


def test_phases_follow_a_power_once_they_are_told_to() -> None:
    bench = Bench(PHASES)
    bench.charge()
    bench.ask(c.SetLimit("ems", power_w=2000.0))
    bench.run(3.0)
    assert bench.state is EvseState.WAITING_FOR_ENERGY  # three phases cannot charge with so little
    configure(bench, switch_mode=SwitchMode.ONEWAY)
    bench.run(1.0)
    assert bench.state is EvseState.SWITCHING_PHASES


def test_a_clients_wish_for_random_delay_stands_until_the_setting_changes() -> None:
    bench = Bench()
    bench.ask(c.EnableRandomDelay(True))
    configure(bench, wake_up=False)
    assert bench.charger.snapshot().random_delay is not None
    configure(bench, random_delay=True)
    configure(bench, random_delay=False)
    assert bench.charger.snapshot().random_delay is None


def test_and_so_does_one_for_its_longest_time() -> None:
    delay = RandomDelay(Settings())
    delay.max_s = 30.0
    delay.configure(Settings(), Settings(random_delay=True))
    assert (delay.enabled, delay.max_s) == (True, 30.0)
    delay.configure(Settings(random_delay=True), Settings(random_delay=True, random_delay_max_s=60.0))
    assert (delay.enabled, delay.max_s) == (True, 60.0)


def test_it_is_taken_before_the_store_has_been_read() -> None:
    bench = Bench(restored=False)
    configure(bench, auth_mode=AuthMode.FREE)
    bench.ask(c.Restore())
    bench.run(2.5)
    bench.charge()
    assert bench.powered
