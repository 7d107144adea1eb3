"""Keeping the pilot's calibration where the board has it: in its EEPROM.

Rule: a board without an EEPROM that answers is no failure; evsectl then makes a drop-in of the configuration.
"""

import asyncio
from typing import Any

from hal.board_record import CP, with_calibration
from hal.errors import DeviceMissing, HalError
from hal.interfaces import BoardEeprom
from hal.types import Calibration

NO_EEPROM = "this board has no EEPROM"


async def keep(eeprom: BoardEeprom | None, calibration: Calibration) -> dict[str, Any]:
    """Where it was written: eeprom is None if there is none, and why says so. Raises HalError."""
    return await asyncio.to_thread(_keep, eeprom, calibration)


def _keep(eeprom: BoardEeprom | None, calibration: Calibration) -> dict[str, Any]:
    if why := _why_none(eeprom):
        return {"eeprom": None, "why": why}
    assert eeprom is not None
    record = with_calibration(eeprom, CP, calibration)
    return {"eeprom": str(eeprom), "serial_number": record.serial_number}


def _why_none(eeprom: BoardEeprom | None) -> str:
    """Only what does not answer counts as not there; one that answers wrongly is a failure."""
    if eeprom is None:
        return NO_EEPROM
    try:
        eeprom.read()
    except DeviceMissing as missing:
        return str(missing)
    except HalError:
        return ""
    return ""
