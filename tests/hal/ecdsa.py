"""ECDSA on short Weierstrass curves in plain Python (SEC 1, FIPS 186-4): the tests' own check of a signature.

Slow, not constant in time, for tests only. It shares nothing with the code it checks.
"""

import hashlib
from typing import NamedTuple

Point = tuple[int, int] | None  # None is the point at infinity


class Curve(NamedTuple):
    oid: str  # DER contents, hexadecimal
    p: int
    a: int
    b: int
    g: tuple[int, int]
    n: int
    size: int  # bytes of a coordinate


P256 = Curve(
    "2a8648ce3d030107",
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    -3,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    32,
)
P192 = Curve(
    "2a8648ce3d030101",
    2**192 - 2**64 - 1,
    -3,
    0x64210519E59C80E70FA7E9AB72243049FEB8DEECC146B9B1,
    (
        0x188DA80EB03090F67CBF20EB43A18800F4FF0AFD82FF1012,
        0x07192B95FFC8DA78631011ED6B24CDD573F977A11E794811,
    ),
    0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
    24,
)
CURVES = {"ECDSA-secp256r1-SHA256": P256, "ECDSA-secp192r1-SHA256": P192}


def verifies(curve: Curve, key: tuple[int, int], message: bytes, signature: bytes) -> bool:
    r, s = der_integers(signature)
    if not (0 < r < curve.n and 0 < s < curve.n):
        return False
    w = pow(s, -1, curve.n)
    sum_ = _add(curve, _times(curve, _digest(curve, message) * w, curve.g), _times(curve, r * w, key))
    return sum_ is not None and sum_[0] % curve.n == r


def sign(curve: Curve, secret: int, message: bytes) -> bytes:
    """DER; the nonce is a hash of secret and message, which is good enough for a test."""
    digest = _digest(curve, message)
    k = int.from_bytes(hashlib.sha256(b"%d %d" % (secret, digest)).digest(), "big") % curve.n
    point = _times(curve, k, curve.g)
    assert point is not None
    r = point[0] % curve.n
    s = pow(k, -1, curve.n) * (digest + r * secret) % curve.n
    body = b"".join(b"\x02" + bytes((len(i),)) + i for i in map(_der_bytes, (r, s)))
    return b"\x30" + bytes((len(body),)) + body


def public_point(curve: Curve, secret: int) -> bytes:
    """X and Y."""
    x, y = _times(curve, secret, curve.g) or (0, 0)
    return x.to_bytes(curve.size, "big") + y.to_bytes(curve.size, "big")


def key_of_der(curve: Curve, der: bytes) -> tuple[int, int]:
    """From SubjectPublicKeyInfo (RFC 5480), uncompressed; the point must lie on the curve."""
    assert bytes.fromhex(curve.oid) in der
    point = der[-2 * curve.size :]
    assert der[-2 * curve.size - 1] == 4
    x, y = int.from_bytes(point[: curve.size], "big"), int.from_bytes(point[curve.size :], "big")
    assert (y * y - x**3 - curve.a * x - curve.b) % curve.p == 0
    return x, y


def der_integers(der: bytes) -> tuple[int, int]:
    """Strict: no byte too many, no leading zero that is not needed."""
    assert der[0] == 0x30
    assert der[1] == len(der) - 2
    numbers, rest = [], der[2:]
    while rest:
        assert rest[0] == 2
        contents, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        assert contents[0] < 0x80
        assert contents[0] or len(contents) == 1 or contents[1] >= 0x80
        numbers.append(int.from_bytes(contents, "big"))
    r, s = numbers
    return r, s


def _der_bytes(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _digest(curve: Curve, message: bytes) -> int:
    bits = min(256, curve.n.bit_length())
    return int.from_bytes(hashlib.sha256(message).digest(), "big") >> (256 - bits)


def _times(curve: Curve, factor: int, point: Point) -> Point:
    result: Point = None
    for bit in bin(factor % curve.n)[2:]:
        result = _add(curve, result, result)
        if bit == "1":
            result = _add(curve, result, point)
    return result


def _add(curve: Curve, first: Point, second: Point) -> Point:
    if first is None or second is None:
        return first or second
    (x1, y1), (x2, y2), p = first, second, curve.p
    if x1 == x2 and (y1 + y2) % p == 0:
        return None
    rise, run = (3 * x1 * x1 + curve.a, 2 * y1) if first == second else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, p) % p
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p
