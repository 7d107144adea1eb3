"""The MQTT API: round trips beside a plain echo client, a burst, and from a message to the pilot."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator

from scripts.benchmarks.client import TraceClient
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.reference import ECHO_READY_TOPIC, ECHO_TOPIC
from scripts.benchmarks.rows import Reference, Row, Target, percentile, row
from scripts.benchmarks.session import authorize, begin, is_no_offer, is_offer, plug_in, request, unplug
from scripts.benchmarks.site import API, REPLY, SESSION_EVENT, Site

GROUP = "api"
TICK_MS = 10
GET, LAST, PAUSE, RESUME = (
    f"{API}m2e/{name}" for name in ("get_evse", "session_info/get", "pause_charging", "resume_charging")
)
GATEWAY = (Target("ratio_p50", 3.0), Target("ratio_p99", 3.0))
CORE = (Target("ratio_p50", 5.0), Target("ratio_p99", 5.0))
PILOT_MS = 5.0
BURST_MS = 150.0
SETTLE_S = 0.02
SPACING_S = TICK_MS / 1000.0  # of requests, up to: they shall know nothing of the tick
SEED = 61851
_BURST = "what comes while the ADC burst is taken (2.6 of 10 ms) waits for its end"

Samples = defaultdict[str, list[float]]


def measure(site: Site, plan: Plan) -> Iterator[Row]:
    site.started(TICK_MS)
    client = site.client(ECHO_READY_TOPIC)
    with site.reference("echo", site.port):
        client.next(ECHO_READY_TOPIC)
        yield from _idle_rows(client, plan)
        yield from _burst_rows(client, plan)
        begin(client)
        yield from _transaction_rows(client, plan)
        unplug(client)
    yield _token_row(client, plan)
    client.close()


def _idle_rows(client: TraceClient, plan: Plan) -> Iterator[Row]:
    """No transaction: a pause is refused, which is a decision of the core all the same."""
    ms: Samples = defaultdict(list)
    rng = random.Random(SEED)
    for _ in range(plan.requests_n):
        for topic in (ECHO_TOPIC, GET, LAST, PAUSE):
            client.listen(rng.uniform(0.0, SPACING_S))
            ms[topic].append(client.round_trip_s(topic, request(REPLY), REPLY) * 1000.0)
    echo = _echo(ms)
    note = f"EVerest 0.86/1.5; {_echo_took(echo)}"
    yield row(GROUP, "get_evse -> reply (gateway only)", "ms", ms[GET], GATEWAY, echo, note)
    note = f"EVerest 0.36/0.8; {_echo_took(echo)}"
    yield row(GROUP, "session_info/get -> reply (gateway only)", "ms", ms[LAST], GATEWAY, echo, note)
    what, note = "pause_charging -> reply, no transaction", f"EVerest 0.82/1.2; {_echo_took(echo)}; {_BURST}"
    yield row(GROUP, what, "ms", ms[PAUSE], CORE, echo, note)


def _transaction_rows(client: TraceClient, plan: Plan) -> Iterator[Row]:
    """The EV stays in B, so that every pause and resume changes the PWM, the state and the store."""
    ms: Samples = defaultdict(list)
    rng = random.Random(SEED)
    _settle(client, rng)
    client.messages[SESSION_EVENT].clear()
    for _ in range(plan.requests_n // 2):
        for topic, on in ((PAUSE, False), (RESUME, True)):
            ms[ECHO_TOPIC].append(client.round_trip_s(ECHO_TOPIC, request(REPLY), REPLY) * 1000.0)
            sent_s = client.publish(topic, request(REPLY))
            ms["reply"].append((client.next(REPLY)[0] - sent_s) * 1000.0)
            changed_s = client.traced("duty", is_offer if on else is_no_offer, sent_s)
            ms[topic].append((changed_s - sent_s) * 1000.0)
            client.next(SESSION_EVENT)
            _settle(client, rng)
    echo, pilot = _echo(ms), (Target("p99", PILOT_MS),)
    what = "pause, resume -> reply, in a transaction"
    yield row(GROUP, what, "ms", ms["reply"], CORE, echo, f"{_echo_took(echo)}; {_BURST}")
    yield row(GROUP, "pause_charging -> PWM off", "ms", ms[PAUSE], pilot, echo)
    yield row(GROUP, "resume_charging -> PWM on", "ms", ms[RESUME], (), echo)


def _settle(client: TraceClient, rng: random.Random) -> None:
    """The event is marked as told: the next request shall find the gateway at rest, at any time of a tick."""
    client.listen(SETTLE_S + rng.uniform(0.0, SPACING_S))
    client.forget_trace()


def _burst_rows(client: TraceClient, plan: Plan) -> Iterator[Row]:
    echo = Reference("echo", tuple(_burst_ms(client, ECHO_TOPIC, plan)))
    targets = (Target("max", BURST_MS),)
    for name, topic in (("get_evse", GET), ("pause_charging", PAUSE)):
        values_ms = list(_burst_ms(client, topic, plan))
        what = f"burst of {plan.burst_n} {name}, last reply"
        note = f"echo itself {percentile(echo.values, 50):.0f} ms"
        yield row(GROUP, what, "ms", values_ms, targets, echo, note)


def _burst_ms(client: TraceClient, topic: str, plan: Plan) -> Iterator[float]:
    replies = client.messages[REPLY]
    for _ in range(plan.bursts_n):
        sent_s = time.monotonic()
        for _ in range(plan.burst_n):
            client.publish(topic, request(REPLY))
        client.until(lambda: len(replies) >= plan.burst_n, "the last reply of a burst")
        yield (replies[-1][0] - sent_s) * 1000.0
        replies.clear()


def _token_row(client: TraceClient, plan: Plan) -> Row:
    values_ms = []
    for _ in range(plan.tokens_n):
        plug_in(client)
        sent_s, offered_s = authorize(client)
        values_ms.append((offered_s - sent_s) * 1000.0)
        unplug(client)
    note = "TransactionStarted is on disk before"
    return row(GROUP, "token -> PWM on", "ms", values_ms, (Target("p99", TICK_MS + PILOT_MS),), note=note)


def _echo(ms: Samples) -> Reference:
    return Reference("echo", tuple(ms[ECHO_TOPIC]))


def _echo_took(echo: Reference) -> str:
    return f"echo itself {percentile(echo.values, 50):.2f}/{percentile(echo.values, 99):.2f} ms"
