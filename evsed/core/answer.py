"""What a command is answered."""

from typing import NamedTuple


class Answer(NamedTuple):
    """The result, in words what stood against it, whether that was a fault, and its name if it has one."""

    result: bool
    why: str = ""
    by_fault: bool = False
    code: str = ""


YES = Answer(True)
