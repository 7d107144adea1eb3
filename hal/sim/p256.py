"""ECDSA on P-256 for simulated meters (FIPS 186-4, SEC 1). Slow, not constant in time, and no secret is kept.

Never for a real key: who watches the time it takes learns the key.
"""

import hashlib

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = -3
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int]


def public_point(secret: int) -> bytes:
    """X and Y, 64 bytes."""
    x, y = _times(secret)
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")


def sign(secret: int, message: bytes) -> bytes:
    """DER. The nonce is a hash of secret and message; about 15 ms."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    seed = secret.to_bytes(32, "big") + digest.to_bytes(32, "big")
    nonce = int.from_bytes(hashlib.sha256(seed).digest(), "big") % (N - 1) + 1
    r = _times(nonce)[0] % N
    s = pow(nonce, -1, N) * (digest + r * secret) % N
    body = _der_integer(r) + _der_integer(s)
    return b"\x30" + bytes((len(body),)) + body


def _der_integer(number: int) -> bytes:
    contents = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes((len(contents),)) + contents


def _times(factor: int) -> Point:
    """factor times G; factor is 1 to N - 1, so that no step meets the point at infinity twice."""
    result: Point | None = None
    for bit in bin(factor)[2:]:
        if result is not None:
            result = _double(result)
        if bit == "1":
            result = G if result is None else _add(result, G)
    assert result is not None
    return result


def _double(point: Point) -> Point:
    x, y = point
    return _third(point, point, (3 * x * x + A) * pow(2 * y, -1, P))


def _add(first: Point, second: Point) -> Point:
    if first == second:
        return _double(first)
    slope = (second[1] - first[1]) * pow(second[0] - first[0], -1, P)
    return _third(first, second, slope)


def _third(first: Point, second: Point, slope: int) -> Point:
    x = (slope * slope - first[0] - second[0]) % P
    return x, (slope * (first[0] - x) - first[1]) % P
