"""The table layer x fault: what was measured by the world's own clock, printed at the end of the run."""

import threading

import msgspec

from tests.system.evse_process import Evse


class Reaction(msgspec.Struct, frozen=True):
    """Seconds from the fault until power contacts and contactor line are off; None: it stays on."""

    layer: str
    fault: str
    mirror_s: float | None
    line_s: float | None


MEASURED: list[Reaction] = []
_LOCK = threading.Lock()


def note(reaction: Reaction) -> Reaction:
    with _LOCK:
        MEASURED.append(reaction)
    return reaction


def reaction_of(evse: Evse, layer: str, fault: str, since_s: float, line_falls: bool = True) -> Reaction:
    """Waits for it. since_s: monotonic, as the stamps of the trace are."""
    mirror = evse.until_line("mirror", False, since_s)
    line = evse.until_line("contactor", False, since_s) if line_falls else None
    return note(Reaction(layer, fault, mirror.t - since_s, line.t - since_s if line else None))


def table() -> list[str]:
    head = f"{'layer that acts':34} {'fault':44} {'power off':>10} {'line off':>10}"
    rows = (
        f"{r.layer:34} {r.fault:44} {_ms(r.mirror_s):>10} {_ms(r.line_s):>10}"
        for r in sorted(MEASURED, key=lambda r: (r.layer, r.fault))
    )
    return [head, *rows]


def _ms(seconds: float | None) -> str:
    return "stays" if seconds is None else f"{seconds * 1000:.0f} ms"
