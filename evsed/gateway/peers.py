"""Who is at the other end of a local socket, by the kernel's word (unix(7), SO_PEERCRED)."""

import grp
import socket
import struct

import msgspec

SO_PEERGROUPS = 59  # Linux <asm-generic/socket.h>; Python has no name for it
_UCRED = struct.Struct("3i")
_GROUPS_MAX_BYTES = 1024  # the most that Python's getsockopt takes: 256 groups


class Peer(msgspec.Struct, frozen=True):
    """The identity that the peer had when it connected."""

    user_id: int
    group_ids: frozenset[int]


def peer_of(sock: socket.socket) -> Peer:
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, user_id, group_id = _UCRED.unpack(credentials)
    return Peer(user_id, frozenset((group_id, *_supplementary_groups(sock))))


def may_speak(peer: Peer, own_user_id: int, group_id: int) -> bool:
    """root, the server's own user, and members of the group that the socket file belongs to."""
    return peer.user_id in (0, own_user_id) or group_id in peer.group_ids


def group_name(group_id: int) -> str:
    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)


def _supplementary_groups(sock: socket.socket) -> tuple[int, ...]:
    """Empty for a peer in more than 256 groups."""
    try:
        groups = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, _GROUPS_MAX_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(groups) // 4}I", groups)
