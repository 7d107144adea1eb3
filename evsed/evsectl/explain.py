"""`evsectl explain SESSION`: why a session stopped, in words, and from a recording what led to it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evsed.core.events import FaultCleared, FaultRaised, SessionEvent, StateChanged
from evsed.core.states import StopReason
from evsed.evsectl.evidence import EVIDENCE, Seen, volts
from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.faults import described
from evsed.recording.replay import Raised, Replayed, replay
from evsed.recording.tape import Tape, TapeError

LINES_MAX_N = 40  # of what happened, the last ones

# fmt: off
WHY: dict[StopReason, str] = {
    StopReason.EMERGENCY_STOP:       "the emergency stop was pressed",
    StopReason.EV_DISCONNECTED:      "the EV was unplugged, or its pilot was lost",
    StopReason.HARD_RESET:           "a client asked for a hard reset",
    StopReason.LOCAL:                "somebody stopped it here: a button, a card, or evsectl",
    StopReason.OTHER:                "the API has no name for why; see below",
    StopReason.POWER_LOSS:           "the charger lost its power or was restarted without a planned stop",
    StopReason.REBOOT:               "the charger was stopped as planned: for an update, or by its owner",
    StopReason.REMOTE:               "a client stopped it over MQTT",
    StopReason.SOFT_RESET:           "a client asked for a soft reset",
    StopReason.UNLOCK_COMMAND:       "the connector was unlocked by a command",
    StopReason.DE_AUTHORIZED:        "the authorization was withdrawn",
    StopReason.ENERGY_LIMIT_REACHED: "the energy that was set for it was reached",
    StopReason.GROUND_FAULT:         "a residual current made the RCD trip",
    StopReason.LOCAL_OUT_OF_CREDIT:  "the cost that was set for it was reached",
    StopReason.MASTER_PASS:          "a card of the master group was presented",
    StopReason.OVERCURRENT_FAULT:    "the EV drew more current than it was offered",
    StopReason.POWER_QUALITY:        "the mains voltage was out of its window for too long",
    StopReason.SOC_LIMIT_REACHED:    "a client told that the EV's battery is as full as wanted",
    StopReason.STOPPED_BY_EV:        "the EV did not go on within the time that is set for that",
    StopReason.TIME_LIMIT_REACHED:   "the time that was set for it was reached",
    StopReason.TIMEOUT:              "nobody came in time",
    StopReason.REQ_ENERGY_TRANSFER_REJECTED: "a client rejected the energy transfer",
    StopReason.EVSE_DISABLED:        "the EVSE was disabled",
}
# fmt: on


def explain(found: Mapping[str, Any], asked: str) -> list[str]:
    """found: the gateway's answer. Raises Failure if it names no session, or several."""
    sessions = found["sessions"]
    if not sessions:
        what = f"no session begins with {asked}" if asked else "there has been no session yet"
        raise Failure(Exit.REFUSED, f"{what}; `evsectl sessions` lists them")
    if len(sessions) > 1:
        uuids = ", ".join(session["uuid"] for session in sessions[:5])
        raise Failure(Exit.REFUSED, f"{len(sessions)} sessions begin with {asked}: {uuids}; give more of it")
    recorded = list(_of_recording(found.get("recording")))
    return [*_of_session(sessions[0]), *(recorded or _of_store(found.get("course", ())))]


def _of_session(session: Mapping[str, Any]) -> Iterator[str]:
    ended = session.get("session_end_time")
    yield f"Session {session['uuid']}"
    yield f"  {session['session_start_time']} to {ended or '(it is still open)'}"
    token = session.get("id_tag", {}).get("id_token", {}).get("value")
    if token:
        yield f"  for {session.get('token_name') or token}, {session.get('charged_energy_wh', 0.0):.0f} Wh"
    yield f"  {_why(session, bool(ended))}"


def _why(session: Mapping[str, Any], ended: bool) -> str:
    reason = session.get("reason")
    if reason is not None:
        return f"Stopped ({reason}): {WHY[StopReason(reason)]}."
    if session.get("transaction_start_time"):
        return "Its transaction has not stopped."
    return "It ended without a transaction." if ended else "No transaction has begun."


def _of_recording(path: str | None) -> Iterator[str]:
    """Nothing if there is none."""
    if path is None:
        return
    cause, lines = "", list[str]()
    try:
        tape = Tape(Path(path))
        cause = f" for {tape.header.cause}"
        for line in _happened(tape):
            lines.append(line)
    except (TapeError, Raised) as error:
        lines.append(str(error))
    yield f"  Recorded{cause} ({path}):"
    yield from (f"    {line}" for line in lines[-LINES_MAX_N:])


def _of_store(course: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the gateway has kept of it: less, and without what was read."""
    yield "  No recording of it is kept: those are made of faults, and of ends that nobody asked for."
    for event in course[-LINES_MAX_N:]:
        yield f"    {event['at'][11:23]}  {_stored(event)}"


def _stored(event: Mapping[str, Any]) -> str:
    kind, fault = event["event"], event.get("fault")
    if fault is not None:
        return f"fault {described(fault)} {_word(kind == FaultRaised.__name__, 'raised', 'cleared')}"
    because = event.get("stop_reason") or ", ".join(event.get("pause_reasons", ()))
    return f"told {kind}{f' ({because})' if because else ''}"


def _happened(tape: Tape) -> Iterator[str]:
    """What changed, with its time, its inputs and the limit at that time."""
    header, before = tape.header, None
    for now in replay(tape):
        at = datetime.fromtimestamp(header.utc_s + now.step.now_s - header.now_s, UTC)
        for line in changes(before, now):
            yield f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {line}"
        before = now


def changes(before: Replayed | None, now: Replayed) -> Iterator[str]:
    """In words: what was seen, what the core said to it, what was driven. Nothing where nothing changed."""
    if before is not None:
        yield from _seen(before, now)
    for event in now.step.events:
        yield from _event(event, before or now, now)
    if before is not None:
        yield from _driven(before, now)


def _seen(before: Replayed, now: Replayed) -> Iterator[str]:
    old, new = before.step.inputs, now.step.inputs
    for name, text in (("rcd_tripped", "RCD"), ("emergency_stop", "emergency stop")):
        if getattr(new, name) is not getattr(old, name):
            yield f"{text} {_word(getattr(new, name), 'has tripped', 'is well again')}"
    if new.mirror_closed is not old.mirror_closed:
        yield f"mirror contact {_word(new.mirror_closed, 'closed', 'open')}"
    if now.snapshot.cp is not before.snapshot.cp:
        yield f"pilot state {before.snapshot.cp.value} -> {now.snapshot.cp.value} ({volts(new.cp)})"


def _driven(before: Replayed, now: Replayed) -> Iterator[str]:
    old, new = before.step.outputs, now.step.outputs
    if new.contactor_closed is not old.contactor_closed:
        yield f"contactor commanded {_word(new.contactor_closed, 'closed', 'open')}"
    if new.duty != old.duty:
        yield f"pilot {_duty(new.duty)}, limit {_limit(now)}"


def _event(event: object, before: Replayed, now: Replayed) -> Iterator[str]:
    if isinstance(event, StateChanged):
        yield f"{event.old.value} -> {event.new.value}, because {event.because}"
    elif isinstance(event, FaultRaised):
        read = EVIDENCE[event.fault](Seen(now.step.inputs, before.snapshot, now.step.now_s))
        yield f"fault {described(event.fault)} raised: {read}; limit {_limit(before)}"
    elif isinstance(event, FaultCleared):
        yield f"fault {event.fault} cleared"
    elif isinstance(event, SessionEvent):
        reason = f" ({event.stop_reason.value})" if event.stop_reason else ""
        yield f"told {event.kind.value}{reason}"


def _word(holds: bool, yes: str, no: str) -> str:
    return yes if holds else no


def _duty(duty: float) -> str:
    return {1.0: "at steady +12 V (X1)", 0.0: "at steady -12 V (F)"}.get(duty, f"with PWM of {duty:.1%}")


def _limit(now: Replayed) -> str:
    return f"{now.snapshot.limit_a:g} A by {now.snapshot.limit_source}"
