"""Review: availability, reservations, authorization."""

from evsed.core import commands as c
from evsed.core.settings import AuthMode, Settings
from evsed.core.states import EvseState as S
from tests.bench import TOKEN, Bench, token
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE


def test_an_enable_that_was_taken_back_in_time_leaves_no_disable_behind() -> None:
    """Enabled, Disabled, Enabled are told for one Enable: disable_due was set while Disabled already."""
    bench = Bench()
    bench.ask(DISABLE)
    bench.run(0.1)
    assert bench.state is S.DISABLED
    bench.ask(ENABLE)
    bench.ask(DISABLE)
    bench.run(2.0)
    bench.forget()
    bench.ask(ENABLE)
    bench.run(2.0)
    assert bench.told() == "Enabled"


def test_an_ev_that_waits_in_mode_free_is_served_once_the_reservation_is_over() -> None:
    """AuthMode.FREE: every EV is served. Authorized at the plug only; it then times out, replug needed."""
    bench = Bench(Settings(auth_mode=AuthMode.FREE))
    bench.ask(c.Reserve(c.Reservation(1, "else")))
    bench.plug_in()
    bench.ask(c.CancelReservation())
    bench.run(2.0)
    assert bench.state is S.PREPARE_CHARGING


def test_a_second_token_does_not_take_a_used_reservation_over() -> None:
    """behaviour_facts 4.5: an EVSE that is authorized already takes no other. Here OTHER charges on it."""
    bench = Bench()
    bench.ask(c.Reserve(c.Reservation(1, TOKEN.id_token.value)))
    bench.ask(ACCEPT)
    bench.ask(c.AuthorizeResponse(token("OTHER"), accepted=True))
    bench.plug_in()
    assert bench.charger.snapshot().id_token == TOKEN.id_token.value


def test_a_restored_reservation_does_not_outlive_an_active_fault() -> None:
    """behaviour_facts 7.1: any blocking error cancels a reservation; raised before Restore it does not."""
    bench = Bench(restored=False)
    bench.world.press_emergency_stop(True)
    bench.run(1.0)
    bench.ask(c.Restore(reservation=c.Reservation(3, "else")))
    bench.run(1.0)
    assert bench.charger.snapshot().reservation is None
