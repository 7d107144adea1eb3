"""evsectl's end of the local socket: blocking, with one deadline for connecting and the answers."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from evsed.evsectl.exits import Exit, Failure
from evsed.evsectl.protocol import Answer, Args, NoArgs, Refusal, Request

NO_ARGS = NoArgs()
FULL_BACKLOG_PAUSE_S = 0.02  # the kernel does not tell when a full backlog has room again
_CHUNK_BYTES = 65536

# fmt: off
REFUSALS = {
    Refusal.BAD_REQUEST:  (Exit.USAGE,       "evsed may be of another version than evsectl; restart it"),
    Refusal.NOT_ALLOWED:  (Exit.REFUSED,     "use sudo, or join that group"),
    Refusal.CONTROL_AWAY: (Exit.UNREACHABLE, "it is restarted by itself; if not, see `journalctl -u evsed`"),
    Refusal.TOO_MANY:     (Exit.UNREACHABLE, ""),
    Refusal.TOO_SLOW:     (Exit.REFUSED,     ""),
}
CONNECT_ERRORS: dict[type[OSError], str] = {
    FileNotFoundError:      "no such socket",
    ConnectionRefusedError: "nobody listens there",
}
# fmt: on
OTHER_VERSION = "who answers is not this version of evsed; restart evsed"
START_IT = (
    "is evsed running? On the appliance: `systemctl status evsed-gateway`; by hand: `evsed --board sim`, "
    "with the same user and RUNTIME_DIRECTORY as evsectl"
)


class Connection:
    """A connection to the gateway. Every method raises Failure."""

    def __init__(self, path: Path, timeout_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._clock_s = clock_s
        self._deadline_s: float | None = clock_s() + timeout_s
        self._rest = b""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect()
        except BaseException:
            self._sock.close()
            raise

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    def ask(self, verb: str, args: Args = NO_ARGS) -> Answer:
        """The answer to one request; a Refusal becomes a Failure."""
        self._wait_at_most_until_deadline()
        try:
            self._sock.sendall(msgspec.json.encode(Request(verb, args)) + b"\n")
        except TimeoutError:
            raise self._no_answer() from None
        except ConnectionError:
            pass  # what it has written last may say why
        return _accepted(self._object())

    def items(self, verb: str) -> Iterator[dict[str, Any]]:
        """What a streaming verb brings, without end; the deadline is that of its beginning."""
        self.ask(verb)
        self._deadline_s = None
        while True:
            line = self._object()
            if "item" not in line:
                _accepted(line)
                raise self._foreign()
            yield line["item"]

    def _connect(self) -> None:
        while True:
            self._wait_at_most_until_deadline()
            try:
                return self._sock.connect(str(self._path))
            except BlockingIOError:
                time.sleep(FULL_BACKLOG_PAUSE_S)
            except PermissionError:
                text = f"{self._path}: you may not connect; use sudo, or join the group of this file"
                raise Failure(Exit.REFUSED, text) from None
            except OSError as error:
                why = CONNECT_ERRORS.get(type(error), error.strerror)
                raise Failure(Exit.UNREACHABLE, f"{self._path}: {why}; {START_IT}") from None

    def _object(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(self._line(), type=dict[str, Any])
        except msgspec.DecodeError:
            raise self._foreign() from None

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            chunk = self._received()
            if not chunk:
                raise Failure(Exit.UNREACHABLE, f"{self._path}: the gateway has gone; {START_IT}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _received(self) -> bytes:
        self._wait_at_most_until_deadline()
        try:
            return self._sock.recv(_CHUNK_BYTES)
        except TimeoutError:
            raise self._no_answer() from None
        except ConnectionError:
            return b""

    def _wait_at_most_until_deadline(self) -> None:
        left_s = None if self._deadline_s is None else self._deadline_s - self._clock_s()
        if left_s is not None and left_s <= 0:
            raise self._no_answer()
        self._sock.settimeout(left_s)

    def _no_answer(self) -> Failure:
        text = f"{self._path}: no answer within {self._timeout_s:g} s; see `journalctl -u evsed-gateway`"
        return Failure(Exit.NO_ANSWER, f"{text}, or wait longer with --timeout")

    def _foreign(self) -> Failure:
        return Failure(Exit.UNREACHABLE, f"{self._path}: {OTHER_VERSION}")


def _accepted(line: dict[str, Any]) -> Answer:
    try:
        answer = msgspec.convert(line, Answer)
    except msgspec.ValidationError:
        raise Failure(Exit.UNREACHABLE, OTHER_VERSION) from None
    if answer.ok:
        return answer
    code, advice = REFUSALS[answer.refusal or Refusal.BAD_REQUEST]
    raise Failure(code, f"{answer.why}; {advice}" if advice else answer.why)
