"""The door to RAUC: what a bundle is, what the slots hold, and its refusals in words that help."""

import configparser
from typing import Any

import msgspec

from evsed.appliance.files import read_text
from evsed.appliance.machine import Machine, Refused
from evsed.appliance.programs import ProgramFailed

_DEVICE = "rauc"

# What RAUC says, in small letters: what it means, and what to do. The first that fits.
# fmt: off
REFUSALS = (
    ("signature verification failed",
     "it is not signed by who makes this appliance's updates; get it from the maker"),
    ("no such file",
     "there is no such file"),
    ("compatible mismatch",
     "it is made for another device"),
    ("invalid bundle format",
     "it is no update bundle, or only a part of one; copy it again"),
    ("exceeds bundle size",
     "it is no update bundle, or only a part of one; copy it again"),
    ("no space left",
     "the disk is full"),
    ("already processing",
     "another update is being installed; wait for it"),
)
# fmt: on


class Bundle(msgspec.Struct, frozen=True):
    """What its signed manifest says."""

    compatible: str
    version: str


def bundle_of(machine: Machine, path: str) -> Bundle:
    """Checks the signature, too. Raises Refused."""
    try:
        return msgspec.json.decode(
            machine.programs.run(_DEVICE, "info", "--output-format=json", path), type=Bundle
        )
    except msgspec.DecodeError as error:
        raise Refused(f"{path}: its manifest cannot be read ({error}); take another bundle") from error
    except ProgramFailed as error:
        raise Refused(f"{path}: {explained(error)}") from error


def compatible(machine: Machine) -> str:
    """What RAUC's settings say that this device is. Raises Refused."""
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    path = machine.places.rauc_settings
    try:
        settings.read_string(read_text(path))
        return settings["system"]["compatible"]
    except (configparser.Error, KeyError) as error:
        raise Refused(f"{path}: does not tell what this device is compatible with ({error})") from error


def explained(error: ProgramFailed) -> str:
    said = error.said.lower()
    for words, meaning in REFUSALS:
        if words in said:
            return f"{meaning} ({error.said})"
    return error.said


def install(machine: Machine, path: str) -> None:
    """To the other slot. Raises Refused."""
    try:
        machine.programs.follow(_DEVICE, "install", path, line=machine.say)
    except ProgramFailed as error:
        raise Refused(f"not installed: {explained(error)}; this slot goes on unchanged") from error


def status(machine: Machine) -> dict[str, Any]:
    """Raises Refused."""
    try:
        told = machine.programs.run(_DEVICE, "status", "--detailed", "--output-format=json")
        return msgspec.json.decode(told, type=dict[str, Any])
    except ProgramFailed as error:
        raise Refused(f"rauc status: {error.said}") from error
    except msgspec.DecodeError as error:
        raise Refused(f"rauc status: cannot be read ({error})") from error


def activate_other(machine: Machine) -> None:
    """The other slot is started next. Raises Refused."""
    try:
        machine.programs.run(_DEVICE, "status", "mark-active", "other")
    except ProgramFailed as error:
        raise Refused(f"the other slot cannot be activated: {error.said}") from error
