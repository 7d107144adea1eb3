"""One non-blocking SOCK_SEQPACKET connection that carries whole messages."""

import socket
from typing import Any, Generic, TypeVar

import msgspec

from evsed.link.messages import MAX_MESSAGE_BYTES

T = TypeVar("T")

SEND_BUFFER_BYTES = 1 << 20  # a full ring of events goes out without waiting for the other side


class ChannelClosed(Exception):
    """The other side has gone."""


class Channel(Generic[T]):
    """Sends any message struct, receives messages of the given union."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._sock = sock
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(incoming)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, message: msgspec.Struct) -> bool:
        """False if the other side does not keep up; nothing of the message has gone out then."""
        try:
            self._sock.send(self._encoder.encode(message))
        except BlockingIOError:
            return False
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        return True

    def receive(self) -> T | None:
        """The next message, None if there is none yet."""
        try:
            data = self._sock.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if not data:
            raise ChannelClosed("end of stream")
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ChannelClosed(f"not a link message: {error}") from error

    def close(self) -> None:
        self._sock.close()


def listen(path: str) -> socket.socket:
    """The listening socket that the gateway takes control's connection from."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.setblocking(False)
    sock.bind(path)
    sock.listen(4)
    return sock
