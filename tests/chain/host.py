"""A busy host: where it has taken the CPU away from control, a story that failed is told again, visibly.

Control tells of every tick that is 20 ms late or more; a quiet machine has none. The coil gate opens after
100 ms without a tick, as it should: nothing but the story's own clock is wrong then.
"""

import re
from collections.abc import Callable
from typing import TypeVar

TELLINGS_N = 3
AGAIN: list[str] = []  # what was told again, for the end of the run
_LATE = "the host was late"

Told = TypeVar("Told")


def note_if_late(error: BaseException, log: str) -> None:
    late = re.findall(r"(?:tick|up to) \d+ ms late", log)
    if late:
        error.add_note(f"{_LATE}: {', '.join(late)}")


def was_late(error: BaseException) -> bool:
    return any(note.startswith(_LATE) for note in getattr(error, "__notes__", ()))


def patiently(name: str, story: Callable[[], Told]) -> Told:
    """An AssertionError counts where the host was not late, or at the last telling."""
    for _ in range(TELLINGS_N - 1):
        try:
            return story()
        except AssertionError as error:
            if not was_late(error):
                raise
            AGAIN.append(f"{name}: {str(error).splitlines()[0]}")
    return story()
