"""The verbs of the owner, the same for evsectl and evse-appliance: what they do and say."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from evsed.appliance import reset, support_bundle, system, update
from evsed.appliance.charger import Ask, ask
from evsed.appliance.machine import Machine, Refused
from evsed.appliance.programs import ProgramFailed
from evsed.appliance.slots import Rollback, Trial
from evsed.appliance.system import NoAppliance
from evsed.appliance.update import UpdateStatus


def run(asked: argparse.Namespace, machine: Machine | None = None, ask: Ask = ask) -> None:
    """Raises Refused: the text says why, and what to do."""
    try:
        RUN[asked.verb](asked, machine or Machine(), ask)
    except NoAppliance as error:
        raise Refused(f"{error}; `{asked.verb}` is for the appliance image only") from error
    except ProgramFailed as error:
        raise Refused(str(error)) from error
    except PermissionError as error:
        raise Refused(f"{error.filename}: permission denied; run this as root") from error
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}") from error


def _update(asked: argparse.Namespace, machine: Machine, ask: Ask) -> None:
    if asked.what == "status":
        _show(update.status(machine), asked.json)
        return
    _require_root(machine)
    if asked.what == "install":
        bundle = update.install(machine, ask, asked.file, asked.force)
        print(f"version {bundle.version} is installed; it is tried at the next reboot")
    else:
        print(f"version {update.rollback(machine, ask, asked.force)} is started at the next reboot")
    if asked.reboot or _agreed("Reboot now?"):
        update.reboot_if_free(machine, ask, asked.force)
        print("rebooting")
    else:
        print("to reboot: systemctl reboot")


def _show(status: UpdateStatus, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(status)).decode())
    else:
        print("\n".join(status_lines(status)))


def status_lines(status: UpdateStatus) -> list[str]:
    image, known = status.image, status.slots
    other = known.good.get(image.other_slot)
    lines = [
        f"Running     {image.id} {image.version} in slot {image.slot}, {_standing(status)}",
        f"Other slot  {image.other_slot}: {f'{other}, proved' if other else 'nothing proved'}",
    ]
    if known.trial is not None and known.trial.slot != image.slot:
        lines.append(_waiting(known.trial))
    lines.append(f"Rolled back {_rolled_back(known.last_rollback)}")
    if isinstance(status.rauc, str):
        lines.append(f"RAUC        {status.rauc}")
    return lines


def _standing(status: UpdateStatus) -> str:
    if status.proved:
        return "proved"
    failure = status.slots.trial.failure if status.slots.trial else ""
    return f"on trial: {failure}" if failure else "on trial"


def _waiting(trial: Trial) -> str:
    told = "installed, tried at the next reboot" if trial.installed else "was not installed whole"
    return f"Update      {trial.version} in slot {trial.slot}: {told}"


def _rolled_back(rollback: Rollback | None) -> str:
    if rollback is None:
        return "never"
    return f"{rollback.at}: {rollback.version} in slot {rollback.slot}, because {rollback.reason}"


def _reset(asked: argparse.Namespace, machine: Machine, ask: Ask) -> None:
    _require_root(machine)
    print(reset.WARNING, end="")
    if not (asked.yes or _agreed("Delete it all?")):
        raise Refused("nothing was deleted; say --yes, or answer y at a terminal")
    reset.factory_reset(machine, ask, asked.force)
    print("rebooting")


def _bundle(asked: argparse.Namespace, machine: Machine, ask: Ask) -> None:
    _require_root(machine)
    print(support_bundle.support_bundle(machine, ask, asked.file))


def _require_root(machine: Machine) -> None:
    """On an appliance: that this is none comes first. In another tree than / (a test's) its modes decide."""
    system.image_of(machine.places)
    if machine.places.root == Path("/") and os.geteuid() != 0:
        raise Refused("only root may; use sudo")


def _agreed(question: str) -> bool:
    """Only at a terminal somebody can agree."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


Verb = Callable[[argparse.Namespace, Machine, Ask], None]
RUN: dict[str, Verb] = {"update": _update, "factory-reset": _reset, "support-bundle": _bundle}
