"""`evse-appliance self-check`: whether what has been started may stay.

Rule 1: an image that has proved itself in this slot is good at once: a broken part is no reason to go back.
Rule 2: another one must be healthy without a break for STABLE_S, and become so within LIMIT_S.
Rule 3: nothing is waited for while a service that ends again and again is down: nobody can charge meanwhile.
Rule 4: one that does not is left only for an image that has proved itself. The boot loader counts the tries.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from evsed.appliance import slots, system
from evsed.appliance.charger import Ask, ChargerAway, Status
from evsed.appliance.machine import Machine
from evsed.appliance.slots import Slots
from evsed.appliance.system import Image

LIMIT_S, STABLE_S, STEP_S = 180.0, 30.0, 1.0
RESTARTS_MAX_N = 5
UNITS = ("evsed.service", "evsed-gateway.service", "mosquitto.service")

# Faults that say nothing of the image: they come of the EV, the mains, the user or the weather.
OUTSIDE = frozenset(
    (
        "rcd", "emergency_stop", "over_current", "diode", "proximity", "ventilation", "over_voltage",
        "under_voltage", "over_temperature", "set_faulted",
    )
)  # fmt: skip


Restarts = dict[str, str]  # by unit, as systemd counts them


class Clock(Protocol):
    def now_s(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


def self_check(machine: Machine, ask: Ask, clock: Clock) -> bool:
    """Whether the slot is good now; if not, a reboot may be on its way. Raises NoAppliance, ProgramFailed."""
    image, known = system.image_of(machine.places), slots.read(machine.places)
    if known.is_good(image):
        machine.programs.run("rauc", "status", "mark-good")
        machine.say(f"version {image.version} in slot {image.slot} has proved itself before: marked good")
        return True
    known = slots.checking(known, image, system.boot_id(machine.places))
    slots.write(machine.places, machine.disk, known)
    before = known.trial.faults if known.trial else ()
    if reason := _unhealthy(lambda seen: problem(machine, ask, before, seen), clock):
        _fail(machine, known, image, reason)
        return False
    machine.programs.run("rauc", "status", "mark-good")
    _note(machine, slots.proved(known, image), image)
    machine.shout(f"version {image.version} in slot {image.slot} is healthy: marked good")
    return True


def _unhealthy(problem: Callable[[Restarts], str], clock: Clock) -> str:
    """The last problem, or "" once there has been none for STABLE_S."""
    end_s = clock.now_s() + LIMIT_S
    restarts: Restarts = {}
    since_s, reason = None, ""
    while True:
        now_s, told = clock.now_s(), problem(restarts)
        reason = told or reason
        since_s = None if told else (now_s if since_s is None else since_s)
        if since_s is not None and now_s - since_s >= STABLE_S:
            return ""
        if now_s >= end_s or (told and _ends_again_and_again(restarts)):
            return reason or "it was not looked at long enough"
        clock.sleep(STEP_S)


def _ends_again_and_again(restarts: Restarts) -> bool:
    return any(int(restarts_n) >= RESTARTS_MAX_N for restarts_n in restarts.values())


def problem(machine: Machine, ask: Ask, faults_before: tuple[str, ...], restarts: Restarts) -> str:
    """What is wrong right now; "" if nothing is. restarts: those seen at the last look, changed here."""
    units = tuple(_units(machine, restarts))
    try:
        status = ask("status")
    except ChargerAway as away:
        return "; ".join((*units, f"evsed does not answer: {away}"))
    return "; ".join((*units, *_answers(status), *_faults(status, faults_before)))


def _units(machine: Machine, restarts: Restarts) -> Iterator[str]:
    """Of evsed and its gateway systemd says active once they were READY."""
    for unit in UNITS:
        shown = machine.programs.run("systemctl", "show", "--property=ActiveState,NRestarts", unit)
        known = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        if known.get("ActiveState") != "active":
            yield f"{unit} is {known.get('ActiveState', 'unknown')}"
        if restarts.setdefault(unit, known.get("NRestarts", "0")) != known.get("NRestarts", "0"):
            restarts[unit] = known["NRestarts"]
            yield f"{unit} was restarted"


def _answers(status: Status) -> Iterator[str]:
    if not status["control"]["connected"]:
        yield "the control process is not connected"
    elif status.get("state") == "Booting" and not status.get("waits_for_external_ready"):
        yield "evsed is still starting"
    if not status["mqtt"]["connected"]:
        yield f"MQTT does not answer at {status['mqtt']['host']}:{status['mqtt']['port']}"


def _faults(status: Status, before: tuple[str, ...]) -> Iterator[str]:
    inside = [name for name in status.get("faults", ()) if name not in OUTSIDE and name not in before]
    if inside:
        yield f"faults: {', '.join(inside)}"


def _fail(machine: Machine, known: Slots, image: Image, reason: str) -> None:
    _note(machine, slots.failed(known, reason), image)
    what = f"version {image.version} in slot {image.slot} is not healthy: {reason}"
    if not known.can_go_back(image):
        machine.shout(f"{what}; it stays, as slot {image.other_slot} holds nothing that has proved itself")
        return
    tries = known.trial.boots_n if known.trial else 0
    machine.shout(f"{what}; try {tries}, rebooting")
    machine.reboot()


def _note(machine: Machine, known: Slots, image: Image) -> None:
    slots.write(machine.places, machine.disk, known)
    slots.tell(machine.places, machine.disk, known, image)
