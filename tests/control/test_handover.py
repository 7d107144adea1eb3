"""Control's end of the link against a real socket."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.control.handover import CONNECT_EVERY_S, SEND_PER_TICK_N
from evsed.core import commands as c
from evsed.core.events import (
    CommandDone,
    Note,
    SessionEvent,
)
from evsed.core.states import EventKind
from evsed.link import messages as m
from hal.types import MeterReading, Missing, Temperature
from tests.control.rig import TICK_S, Control, Gateway

ENABLED = SessionEvent(EventKind.ENABLED)
STARTED = SessionEvent(EventKind.TRANSACTION_STARTED, "tx-1")


def refuse(path: Path, gateway: Gateway) -> None:
    """No gateway is running."""
    gateway.close()
    path.unlink()


def numbers(messages: list[m.FromControl]) -> list[int]:
    return [message.n for message in messages if isinstance(message, m.NumberedEvent)]


def test_it_says_hello_and_nothing_more_until_it_is_welcome(
    start: Callable[[], Control], gateway: Gateway
) -> None:
    control = start()
    control.link.journal(6, "hello world")
    control.tick(ENABLED)
    control.ticks(5)
    gateway.accept()
    (hello,) = gateway.receive()
    assert isinstance(hello, m.Hello)
    assert (hello.pid, hello.last_n, len(hello.boot_id)) == (os.getpid(), 1, 36)
    gateway.send(m.Welcome(0))
    control.tick()
    assert [type(message) for message in gateway.receive()] == [m.Journal, m.NumberedEvent]


def test_events_are_numbered_kept_and_forgotten_once_stored(control: Control, gateway: Gateway) -> None:
    control.tick(ENABLED, STARTED)
    assert not control.link.all_acknowledged
    (first, second) = gateway.receive()
    assert first == m.NumberedEvent(1, control.now_s, ENABLED)
    assert second == m.NumberedEvent(2, control.now_s, STARTED)
    gateway.send(m.Acknowledge(1))
    control.tick()
    assert not control.link.all_acknowledged
    gateway.send(m.Acknowledge(2))
    control.tick()
    assert control.link.all_acknowledged
    assert len(control.link.ring) == 0


def test_what_is_not_stored_is_sent_again_after_a_reconnect(control: Control, gateway: Gateway) -> None:
    control.tick(ENABLED, STARTED)
    control.tick(SessionEvent(EventKind.PREPARE_CHARGING, "tx-1"))
    assert numbers(gateway.receive()) == [1, 2, 3]
    gateway.hang_up()
    control.ticks(2)
    control.ticks(round(CONNECT_EVERY_S / TICK_S) + 1)
    gateway.accept()
    (hello,) = gateway.receive()
    assert isinstance(hello, m.Hello)
    assert hello.last_n == 3
    gateway.send(m.Welcome(1))
    control.tick()
    assert numbers(gateway.receive()) == [2, 3]


def test_the_boot_id_stays_over_a_reconnect_and_differs_between_processes(
    start: Callable[[], Control], gateway: Gateway
) -> None:
    control, ids = start(), []
    for _ in range(2):
        control.ticks(20)
        gateway.accept()
        ids.append(next(h.boot_id for h in gateway.receive() if isinstance(h, m.Hello)))
        gateway.hang_up()
        control.link.receive()
    start().tick()
    gateway.accept()
    ids += [h.boot_id for h in gateway.receive() if isinstance(h, m.Hello)]
    assert ids[0] == ids[1] != ids[2]


def test_without_a_gateway_everything_is_kept(
    path: Path, start: Callable[[], Control], gateway: Gateway
) -> None:
    refuse(path, gateway)
    control = start()
    for _ in range(100):
        control.tick(ENABLED)
    assert control.link.fileno() is None
    assert control.link.ring.last_n == 100
    gateway.reopen(path)
    control.ticks(round(CONNECT_EVERY_S / TICK_S) + 1)
    for _ in range(50):
        gateway.serve()
        control.tick()
    assert numbers(gateway.received) == list(range(1, 101))
    assert control.link.all_acknowledged


def test_a_gateway_that_has_just_refused_is_left_alone_for_a_moment(
    path: Path, start: Callable[[], Control], gateway: Gateway
) -> None:
    refuse(path, gateway)
    control = start()
    control.tick()
    gateway.reopen(path)
    control.ticks(5)
    with pytest.raises(BlockingIOError):
        gateway.accept()
    control.ticks(6)
    gateway.accept()


def test_requests_come_in_and_are_answered(control: Control, gateway: Gateway) -> None:
    gateway.ask(7, c.PauseCharging())
    assert control.tick()
    assert control.link.take_requests() == (c.Request(7, c.PauseCharging()),)
    assert control.link.take_requests() == ()
    done = CommandDone(7, False, "no transaction is active")
    control.tick(done)
    assert gateway.receive() == [m.Done(done)]


def test_what_nobody_asked_for_over_the_link_is_not_answered(control: Control, gateway: Gateway) -> None:
    control.tick(CommandDone(0, True))
    assert gateway.receive() == []


def test_replies_go_out_before_lines_of_the_journal_and_events(control: Control, gateway: Gateway) -> None:
    control.tick(ENABLED, Note("noted"), CommandDone(1, True))
    assert [type(message) for message in gateway.receive()] == [m.Done, m.Journal, m.NumberedEvent]


def reconnect(control: Control, gateway: Gateway) -> None:
    """Until it is connected and welcome again."""
    control.ticks(round(CONNECT_EVERY_S / TICK_S) + 1)
    gateway.serve()
    control.ticks(2)
    gateway.receive()


def test_a_request_is_lost_with_its_connection(control: Control, gateway: Gateway) -> None:
    gateway.ask(7, c.PauseCharging())
    gateway.hang_up()
    control.tick()
    assert control.link.take_requests() == ()


def test_a_reply_is_lost_with_its_connection(control: Control, gateway: Gateway) -> None:
    gateway.ask(7, c.PauseCharging())
    control.tick()
    assert control.link.take_requests()
    gateway.hang_up()
    control.link.take([CommandDone(7, True)], control.now_s)
    control.link.pump(control.now_s)
    assert control.link.fileno() is None
    reconnect(control, gateway)
    assert gateway.of(m.Hello)
    assert not gateway.of(m.Done)


def test_only_a_request_or_a_stored_transaction_is_news_for_the_core(
    control: Control, gateway: Gateway
) -> None:
    control.tick(STARTED)
    gateway.send(m.MeterUpdate(MeterReading(1.0, 2.0)))
    assert not control.tick()
    gateway.send(m.Acknowledge(1))
    assert control.tick()
    gateway.send(m.Acknowledge(1))
    assert not control.tick()


def test_the_newest_meter_reading_stays_when_the_meter_falls_silent(
    control: Control, gateway: Gateway
) -> None:
    reading = MeterReading(1.0, 2.0)
    gateway.send(m.MeterUpdate(reading))
    gateway.send(m.MeterUpdate(Missing("no answer", 2.0)))
    control.tick()
    assert control.sampler.meter == reading


def test_temperatures_come_in_and_are_no_news_for_the_core_between_two_ticks(
    control: Control, gateway: Gateway
) -> None:
    warm = (Temperature("evse", 40.0), Temperature("plug", 61.5))
    gateway.send(m.TemperatureUpdate(warm))
    assert not control.tick()
    assert control.sampler.temperatures == warm


def test_a_transaction_counts_as_stored_when_its_own_number_is_acknowledged(
    control: Control, gateway: Gateway
) -> None:
    control.tick(ENABLED, STARTED, ENABLED)
    gateway.send(m.Acknowledge(1))
    control.tick()
    assert control.sampler.stored_transaction == ""
    gateway.send(m.Acknowledge(3))
    control.tick()
    assert control.sampler.stored_transaction == "tx-1"


def test_a_welcome_tells_of_a_stored_transaction_too(control: Control, gateway: Gateway) -> None:
    control.tick(STARTED)
    gateway.hang_up()
    control.tick()
    control.ticks(round(CONNECT_EVERY_S / TICK_S) + 1)
    gateway.stored_n = 1
    gateway.serve()
    control.tick()
    assert control.sampler.stored_transaction == "tx-1"


def test_a_session_takes_the_spare_uuid_with_it(control: Control) -> None:
    first = control.sampler.sample(()).spare_uuid
    control.tick(SessionEvent(EventKind.SESSION_STARTED, first))
    second = control.sampler.sample(()).spare_uuid
    assert second != first
    control.tick(SessionEvent(EventKind.SESSION_STARTED, "another"))
    assert control.sampler.sample(()).spare_uuid == second


def test_a_tick_sends_no_more_than_its_share_of_events(control: Control, gateway: Gateway) -> None:
    control.tick(*[ENABLED] * 40)
    sizes = [len(gateway.receive())]
    for _ in range(3):
        control.tick()
        sizes.append(len(gateway.receive()))
    assert sizes == [SEND_PER_TICK_N, SEND_PER_TICK_N, 40 - 2 * SEND_PER_TICK_N, 0]


def test_a_gateway_that_does_not_read_holds_nobody_up_and_loses_nothing(
    control: Control, gateway: Gateway
) -> None:
    for n in range(4000):
        control.tick(SessionEvent(EventKind.SESSION_STARTED, f"{n:500}"), CommandDone(n + 1, True))
    for _ in range(2000):
        gateway.serve()
        control.tick()
    assert numbers(gateway.received) == list(range(1, 4001))
    answered = [done.done.request_id for done in gateway.of(m.Done) if isinstance(done, m.Done)]
    assert answered == list(range(1, 4001))
    assert control.link.all_acknowledged


def test_garbage_from_the_gateway_ends_the_connection_and_begins_another(
    control: Control, gateway: Gateway
) -> None:
    gateway.send(m.Goodbye())
    control.tick()
    assert control.link.fileno() is None
    control.ticks(round(CONNECT_EVERY_S / TICK_S) + 1)
    gateway.hang_up()
    gateway.serve()
    assert isinstance(gateway.received[-1], m.Hello)


def test_latest_values_are_sent_now_or_never(start: Callable[[], Control], gateway: Gateway) -> None:
    control = start()
    control.link.offer(m.Health(1, 0, 0.0, 0))
    control.tick()
    control.link.offer(m.Health(2, 0, 0.0, 0))
    gateway.serve()
    control.tick()
    control.link.offer(m.Health(3, 0, 0.0, 0))
    gateway.receive()
    assert gateway.of(m.Health) == [m.Health(3, 0, 0.0, 0)]
    gateway.hang_up()
    control.link.offer(m.Health(4, 0, 0.0, 0))
    assert control.link.fileno() is None
