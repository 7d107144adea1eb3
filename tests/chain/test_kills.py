"""Kills of control, gateway or both at seeded random points of a session: nothing lost, nothing doubled.

The next start closes what was left over once, under its uuid, with its energy; or resumes it, if configured.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import pytest

from tests.chain.chain_evse import ChainEvse, own_broker
from tests.system.bench import eventually
from tests.system.evse_process import Json
from tests.system.test_gateway_kills import without_repeats

SCRIPT = "iec_wait_pwr_ready;{d};sleep 1.6;pause;sleep 0.3;{d};sleep 1.6;unplug".format(
    d="draw_power_regulated 16,3"
)
SESSION_S = 4.2  # of the script, from the plug to the unplug
VICTIMS = (("control",), ("gateway",), ("control", "gateway"))
POLL_S = 0.2
# 3 x 16 A x 230 V for the longest time between two readings: the poll, the answer at 9600 baud, a busy host.
LAG_WH = 11_040.0 * (POLL_S + 1.0) / 3600.0
EXACT_WH = 0.01  # the resolution of the meter
SETTINGS = ("auth.mode=free", f"meter.poll_s={POLL_S}")


class Plan(NamedTuple):
    resumes: bool
    kills_n: int
    seed: int


class Found(NamedTuple):
    """rows: of the sessions as stored. drawn_wh: by the meter, over all.

    in_transaction: uuids whose control was killed in their transaction. told_n: by (kind, uuid).
    """

    rows: list[Json]
    in_transaction: list[str]
    drawn_wh: float
    told_n: Counter[tuple[str, str]]


def kill_at_random(evse: ChainEvse, chance: random.Random, in_transaction: list[str]) -> None:
    """One session with one kill in it."""
    evse.modify(SCRIPT)
    time.sleep(chance.uniform(0.0, SESSION_S))
    victims, now = chance.choice(VICTIMS), evse.value("session_info") or {}
    uuids = open_transactions(evse)
    for name in victims:
        with suppress(ProcessLookupError):
            evse.kill(name)
    if "control" in victims:
        in_transaction += [uuid for uuid in uuids if uuid in open_transactions(evse)]
    print(f"killed {' and '.join(victims)} in {now.get('state')}")
    eventually(lambda: unplugged(evse), "the EV has left")
    eventually(lambda: not open_sessions(evse), "every session is closed")


def unplugged(evse: ChainEvse) -> bool:
    cp = evse.line("cp")
    return bool(cp) and cp[-1].value == "A"


def open_transactions(evse: ChainEvse) -> list[str]:
    under_way = "transaction_started_utc_s NOT NULL AND transaction_ended_utc_s IS NULL"
    rows = evse.query(f"SELECT uuid FROM session WHERE {under_way}")
    return [uuid for (uuid,) in rows]


def open_sessions(evse: ChainEvse) -> list[str]:
    """None of them while a control runs that knows the store."""
    evse.until_ready()
    return [uuid for (uuid,) in evse.query("SELECT uuid FROM session WHERE ended_utc_s IS NULL")]


def run_plan(plan: Plan) -> Found:
    settings = (*SETTINGS, f"session.resume_after_power_loss={str(plan.resumes).lower()}")
    with own_broker() as broker, ChainEvse(broker, *settings) as evse:
        chance, in_transaction = random.Random(plan.seed), list[str]()
        start_wh = meter_wh(evse)
        for _ in range(plan.kills_n):
            kill_at_random(evse, chance, in_transaction)
        eventually(lambda: without_repeats(evse.session_events()) == evse.stored(), "all of it is told")
        columns = ("uuid", "start_wh", "end_wh", "stop_reason", "transaction_started_utc_s", "ended_utc_s")
        rows = evse.query(f"SELECT {', '.join(columns)} FROM session ORDER BY rowid")
        told_n = Counter((told["event"], told["uuid"]) for told in unique(evse.session_events()))
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        drawn_wh = meter_wh(evse) - start_wh
        return Found(named, in_transaction, drawn_wh, told_n)


def meter_wh(evse: ChainEvse) -> float:
    """A reading taken from now on."""
    began = len(evse.wire.of(POWERMETER))
    eventually(lambda: len(evse.wire.of(POWERMETER)) > began + 1, "a new reading")
    wh: float = evse.wire.of(POWERMETER)[-1].json["energy_Wh_import"]["total"]
    return wh


POWERMETER = "everest_api/1/evse_manager_consumer/evse/e2m/powermeter"


def unique(events: list[Json]) -> list[Json]:
    return list({(told["boot_id"], told["sequence"]): told for told in events}.values())


DEFAULT = (Plan(False, 3, 24), Plan(True, 2, 25))
SOAK = (Plan(False, 150, 22), Plan(True, 150, 23))


def jobs(soak: bool) -> dict[str, Callable[[], Found]]:
    return {
        ("resumes" if plan.resumes else "closes"): partial(run_plan, plan)
        for plan in (SOAK if soak else DEFAULT)
    }


@pytest.fixture(params=["closes", "resumes"])
def found(request: pytest.FixtureRequest, outcome: Callable[[str], Found]) -> Found:
    return outcome(request.param)


def test_every_session_has_one_begin_and_one_end(found: Found) -> None:
    for row in found.rows:
        assert found.told_n["SessionStarted", row["uuid"]] == 1
        assert found.told_n["SessionFinished", row["uuid"]] == 1
        begun_n = found.told_n["TransactionStarted", row["uuid"]]
        assert begun_n <= 1
        assert found.told_n["TransactionFinished", row["uuid"]] == begun_n
        assert row["ended_utc_s"] is not None
    assert {uuid for kind, uuid in found.told_n if kind == "SessionStarted"} == {
        r["uuid"] for r in found.rows
    }


def test_every_transaction_has_its_energy_and_its_reason(found: Found) -> None:
    transactions = [row for row in found.rows if row["transaction_started_utc_s"] is not None]
    assert transactions
    for row in transactions:
        assert row["start_wh"] is not None, row
        assert row["end_wh"] is not None, row
        assert row["stop_reason"] is not None, row
    billed_wh = sum(row["end_wh"] - row["start_wh"] for row in transactions)
    print(f"{len(found.rows)} sessions, {billed_wh:.1f} of {found.drawn_wh:.1f} Wh billed")
    assert found.drawn_wh - LAG_WH * len(transactions) <= billed_wh <= found.drawn_wh + EXACT_WH


def test_what_is_closed_after_a_kill_ends_with_what_the_meter_had_then(found: Found) -> None:
    """Nothing flows until the next transaction, so that this begins where the other ended."""
    transactions = [row for row in found.rows if row["transaction_started_utc_s"] is not None]
    for row, after in pairwise(transactions):
        assert after["start_wh"] >= row["end_wh"] - EXACT_WH
        if row["stop_reason"] == "PowerLoss":
            assert after["start_wh"] == pytest.approx(row["end_wh"], abs=EXACT_WH)


def test_what_control_left_over_is_closed_with_power_loss_unless_it_is_resumed(
    found: Found, request: pytest.FixtureRequest
) -> None:
    resumes = "resumes" in request.node.name
    reasons = {row["uuid"]: row["stop_reason"] for row in found.rows}
    for uuid in found.in_transaction:
        if not resumes:
            assert reasons[uuid] == "PowerLoss"
        elif reasons[uuid] != "PowerLoss":  # else the EV had gone before control was back
            assert found.told_n["SessionResumed", uuid] >= 1
