"""Exit codes, and the exception that carries one to main()."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NO_ANSWER = 4
    FAULT = 5


# fmt: off
MEANINGS = {
    Exit.OK:          "the wanted effect holds; status: the state is known",
    Exit.REFUSED:     "refused",
    Exit.USAGE:       "wrong arguments or configuration",
    Exit.UNREACHABLE: "evsed is not reachable",
    Exit.NO_ANSWER:   "no answer within --timeout",
    Exit.FAULT:       "refused because of a fault",
}
# fmt: on


class Failure(Exception):
    """evsectl cannot do it; the text is for stderr."""

    def __init__(self, code: Exit, text: str) -> None:
        self.code = code
        super().__init__(text)
