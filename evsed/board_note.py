"""Which board control has claimed, noted in the run directory for evse-safe.

evse-safe must work beside a configuration that is broken, or has come to name another board meanwhile.
"""

from contextlib import suppress
from pathlib import Path

_FILE = "board"


def note_board(run_dir: Path, name: str) -> None:
    """Before the board is opened. Where it cannot be written, evse-safe asks the configuration."""
    with suppress(OSError):
        (run_dir / _FILE).write_text(name)


def noted_board(run_dir: Path) -> str:
    """ "" if none has been claimed since the run directory was made."""
    try:
        return (run_dir / _FILE).read_text()
    except OSError:
        return ""
