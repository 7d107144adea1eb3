"""What each command answers, and why."""

import pytest

from evsed.core import commands as c
from evsed.core.events import AvailabilityChanged, CommandDone, Note, SessionEvent
from evsed.core.limits import OWN_SOURCES
from evsed.core.settings import AuthMode, KnownToken, Settings
from evsed.core.states import EvseState as S
from evsed.core.states import StopReason
from tests.bench import TOKEN, Bench, token
from tests.core.scenarios import ACCEPT, DISABLE, ENABLE, charging
from tests.core.state_scenarios import REACHED, prepared

REJECT = c.AuthorizeResponse(TOKEN, accepted=False)
STOP = c.StopTransaction(StopReason.REMOTE)
NO_TRANSACTION = (False, "no transaction is active")


def answer(bench: Bench, command: c.Command) -> tuple[bool, str]:
    done = bench.ask(command)
    return done.result, done.why


def plugged(settings: Settings | None = None) -> Bench:
    bench = Bench(settings)
    bench.plug_in()
    return bench


def stopping() -> Bench:
    bench = charging(Bench)
    bench.ask(STOP)
    return bench


def notes(bench: Bench) -> list[str]:
    return [e.text for e in bench.events if isinstance(e, Note)]


def test_every_command_is_answered_under_its_number() -> None:
    bench = Bench()
    commands = (
        DISABLE, ENABLE, ACCEPT, REJECT, c.PresentToken(TOKEN), c.WithdrawAuthorization(), c.PauseCharging(),
        c.ResumeCharging(), STOP, c.ForceUnlock(), c.SetLimit("x", 10.0), c.ClearLimit("x"), c.Restore(),
        c.Configure(Settings()), c.PlannedStop(),
    )  # fmt: skip
    bench.forget()
    bench.tick(*(c.Request(n, command) for n, command in enumerate(commands, 100)))
    done = [e.request_id for e in bench.events if isinstance(e, CommandDone)]
    assert done == list(range(100, 100 + len(commands)))


@pytest.mark.parametrize("make", [Bench, plugged])
@pytest.mark.parametrize(
    "command", [c.PauseCharging(), c.ResumeCharging(), STOP], ids=lambda v: type(v).__name__
)
def test_without_a_transaction_there_is_nothing_to_pause_or_stop(
    make: type[Bench], command: c.Command
) -> None:
    bench = make()
    bench.forget()
    assert answer(bench, command) == NO_TRANSACTION
    bench.run(1.0)
    assert bench.told() == ""


@pytest.mark.parametrize("command", [c.PauseCharging(), c.ResumeCharging()], ids=lambda v: type(v).__name__)
def test_a_transaction_that_ends_can_be_paused_no_more(command: c.Command) -> None:
    assert answer(stopping(), command) == NO_TRANSACTION


def test_a_second_stop_is_granted_and_the_first_reason_stands() -> None:
    bench = stopping()
    assert answer(bench, c.StopTransaction(StopReason.LOCAL)) == (True, "")
    bench.run(4.0)
    assert "TransactionFinished(Remote)" in bench.told()


def test_pause_and_resume_twice_are_true_twice() -> None:
    bench = charging(Bench)
    for command in (c.PauseCharging(), c.PauseCharging(), c.ResumeCharging(), c.ResumeCharging()):
        assert answer(bench, command) == (True, "")


@pytest.mark.parametrize("state", REACHED, ids=lambda s: s.value)
def test_resume_without_a_pause_of_ours_is_true_in_any_transaction(state: S) -> None:
    if state not in (S.WAKE_UP_F, S.WAKE_UP_X1):
        assert answer(REACHED[state][0](Bench), c.ResumeCharging()) == (True, "")


def test_disable_answers_whether_the_evse_is_enabled_and_who_stands_against_it() -> None:
    bench = Bench()
    assert answer(bench, DISABLE) == (False, "disabled by LocalAPI, priority 100")
    weaker = c.AvailabilityRow(c.EnableSource.CSMS, c.EnableState.ENABLE, 200)
    assert answer(bench, c.EnableDisable(weaker)) == (False, "disabled by LocalAPI, priority 100")
    assert answer(bench, ENABLE) == (True, "")


def test_the_availability_table_is_told_when_it_changes_and_only_then() -> None:
    bench = Bench()
    for command in (DISABLE, DISABLE, ENABLE):
        bench.ask(command)
    tables = [e.rows for e in bench.events if isinstance(e, AvailabilityChanged)]
    assert [rows[-1] for rows in tables] == [DISABLE.row, ENABLE.row]


def test_a_rejected_token_changes_nothing_and_is_noted() -> None:
    bench = plugged()
    bench.forget()
    assert answer(bench, REJECT) == (False, "the authorizer did not accept the token")
    bench.run(1.0)
    assert bench.told() == ""
    assert notes(bench) == ["token 04A2B3C4 was not accepted"]


@pytest.mark.parametrize("value", ["04a2b3c4", "04A2B3C4"])
def test_a_listed_token_authorizes_in_any_case(value: str) -> None:
    bench = plugged(Settings(auth_mode=AuthMode.TOKENS, tokens=(KnownToken("other"), KnownToken("04A2b3c4"))))
    assert answer(bench, c.PresentToken(token(value))) == (True, "")
    bench.run(0.1)
    assert bench.state is S.PREPARE_CHARGING
    assert bench.charger.snapshot().id_token == value


def test_a_token_that_is_not_listed_is_refused_and_noted() -> None:
    bench = plugged(Settings(auth_mode=AuthMode.TOKENS, tokens=(KnownToken("other"),)))
    why = "token 04A2B3C4 refused: it is neither in auth.tokens nor in auth.token_file"
    assert answer(bench, c.PresentToken(TOKEN)) == (False, why)
    assert notes(bench) == [why]
    bench.run(1.0)
    assert bench.state is S.WAITING_FOR_AUTHENTICATION


@pytest.mark.parametrize("mode", [AuthMode.EXTERNAL, AuthMode.FREE])
def test_outside_of_tokens_mode_any_presented_token_authorizes(mode: AuthMode) -> None:
    bench = Bench(Settings(auth_mode=mode))
    assert answer(bench, c.PresentToken(token("unheard of"))) == (True, "")


@pytest.mark.parametrize("mode", AuthMode)
def test_an_external_answer_authorizes_in_every_mode(mode: AuthMode) -> None:
    assert answer(Bench(Settings(auth_mode=mode)), ACCEPT) == (True, "")


def test_free_service_keeps_a_token_that_was_there_first() -> None:
    bench = Bench(Settings(auth_mode=AuthMode.FREE))
    bench.ask(ACCEPT)
    bench.plug_in()
    assert bench.told().count("Authorized ") == 1
    assert bench.charger.snapshot().id_token == TOKEN.id_token.value


@pytest.mark.parametrize("state", [S.PREPARE_CHARGING, S.CHARGING])
def test_a_token_in_a_transaction_is_ignored_and_noted(state: S) -> None:
    bench = REACHED[state][0](Bench)
    bench.forget()
    why = f"no authorization is awaited in state {state.value}"
    assert answer(bench, ACCEPT) == (False, why)
    assert notes(bench) == [f"authorization of token 04A2B3C4 ignored: {why}"]
    assert bench.told() == ""


def test_a_token_while_disabled_is_ignored() -> None:
    bench = Bench()
    bench.ask(DISABLE)
    assert answer(bench, ACCEPT) == (False, "no authorization is awaited in state Disabled")


def test_nothing_to_withdraw() -> None:
    nothing = (False, "nothing is authorized")
    assert answer(Bench(), c.WithdrawAuthorization()) == nothing
    bench = stopping()
    assert answer(bench, c.WithdrawAuthorization()) == nothing
    bench.run(4.0)
    assert bench.state is S.FINISHED
    assert answer(bench, c.WithdrawAuthorization()) == nothing


def test_an_authorization_withdrawn_while_the_cable_is_unknown_is_gone() -> None:
    bench = Bench()
    bench.world.cable.set_coding(1e6)
    bench.plug_in()
    bench.ask(ACCEPT)
    bench.run(1.0)
    assert bench.state is S.WAITING_FOR_AUTHENTICATION
    assert answer(bench, c.WithdrawAuthorization()) == (True, "")
    assert not bench.charger.snapshot().authorized
    bench.world.cable.set_coding(220.0)
    bench.run(1.0)
    assert bench.state is S.WAITING_FOR_AUTHENTICATION


def test_an_accepted_token_gives_the_ev_its_time_to_come_anew() -> None:
    bench = Bench(Settings(connection_timeout_s=3.0))
    bench.ask(ACCEPT)
    bench.run(2.0)
    bench.ask(ACCEPT)
    bench.run(2.9)
    assert bench.charger.snapshot().authorized
    bench.run(0.2)
    assert not bench.charger.snapshot().authorized


def test_the_time_to_authorize_does_not_run_on_in_a_transaction() -> None:
    bench = Bench(Settings(connection_timeout_s=3.0))
    bench.charge()
    bench.run(10.0)
    assert bench.state is S.CHARGING
    assert "Deauthorized" not in bench.told()


def test_a_token_after_the_time_out_still_starts_a_transaction() -> None:
    bench = plugged(Settings(connection_timeout_s=2.0))
    bench.run(3.0)
    assert bench.told().endswith("PluginTimeout")
    assert answer(bench, ACCEPT) == (True, "")
    bench.run(0.1)
    assert bench.state is S.PREPARE_CHARGING


def test_a_tethered_cable_has_no_lock_to_open() -> None:
    assert answer(Bench(Settings(socket=False)), c.ForceUnlock()) == (False, "a tethered cable has no lock")
    assert answer(Bench(), c.ForceUnlock()) == (True, "")


@pytest.mark.parametrize("source", sorted(OWN_SOURCES))
def test_nobody_writes_the_chargers_own_rows(source: str) -> None:
    bench = Bench()
    before = bench.charger.snapshot().limits
    for command in (c.SetLimit(source, 80.0), c.ClearLimit(source), c.SetSchedule(source, ())):
        assert not bench.ask(command).result
    assert bench.charger.snapshot().limits == before


def test_limits_are_set_and_cleared() -> None:
    bench = Bench()
    assert answer(bench, c.SetLimit("ems", 10.0, c.LimitKind.KEEPALIVE, 30.0)) == (True, "")
    assert ("ems", 10.0) in [(row.source, row.limit_a) for row in bench.charger.snapshot().limits]
    assert bench.charger.snapshot().limit_source == "ems"
    assert answer(bench, c.ClearLimit("ems")) == (True, "")
    assert bench.charger.snapshot().limit_a == 32.0


def test_the_store_answers_once() -> None:
    bench = Bench()
    bench.forget()
    again = c.Restore((DISABLE.row,), c.OpenSession("left-over", in_transaction=True))
    assert answer(bench, again) == (False, "already restored")
    assert bench.told() == ""
    assert bench.charger.snapshot().enabled


def test_a_no_is_put_down_to_a_fault_only_if_one_blocks() -> None:
    bench = Bench()
    assert not bench.ask(STOP).by_fault
    bench.world.press_emergency_stop(True)
    bench.run(0.1)
    assert bench.ask(STOP).by_fault
    assert not bench.ask(c.ForceUnlock()).by_fault


def test_a_stop_carries_the_token_that_asked_for_it_and_no_other() -> None:
    for id_tag in (TOKEN, None):
        bench = charging(Bench)
        bench.ask(c.StopTransaction(StopReason.LOCAL, id_tag))
        bench.run(4.0)
        finish = next(e for e in bench.session_events if e.stop_reason)
        assert finish.id_tag == id_tag


def test_a_planned_stop_without_a_transaction_starts_nothing_any_more() -> None:
    bench = plugged()
    assert answer(bench, c.PlannedStop()) == (True, "")
    assert answer(bench, ACCEPT) == (False, "no authorization is awaited in state WaitingForAuthentication")
    bench.run(1.0)
    assert bench.state is S.WAITING_FOR_AUTHENTICATION


def test_every_event_of_a_session_has_its_uuid_and_the_newest_meter_reading() -> None:
    bench = prepared(Bench)
    events = [e for e in bench.session_events if e.uuid]
    assert len({e.uuid for e in events}) == 1
    assert all(e.meter is not None for e in events)
    bench.unplug()
    first = events[0].uuid
    bench.forget()
    bench.plug_in()
    second = {e.uuid for e in bench.events if isinstance(e, SessionEvent)}
    assert len(second) == 1
    assert first not in second
