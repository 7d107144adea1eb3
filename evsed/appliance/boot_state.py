"""What the boot loader keeps: read and written by fw_printenv and fw_setenv."""

from evsed.appliance.programs import ProgramFailed, Programs

MACHINE_ID = "MACHINE_ID"


def get(programs: Programs, name: str) -> str:
    """ "" if it is not there: fw_printenv -n says nothing then, and may or may not fail."""
    try:
        return programs.run("fw_printenv", "-n", name).strip()
    except ProgramFailed:
        return ""


def put(programs: Programs, name: str, value: str) -> None:
    """Raises ProgramFailed, also if it is not there afterwards."""
    programs.run("fw_setenv", name, value)
    if get(programs, name) != value:
        raise ProgramFailed("fw_setenv", f"{name} was written, but reads back as another value")
