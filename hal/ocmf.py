"""Signed records in the Open Charge Metering Format, OCMF|payload|signature. Pure.

Rule 1: a record is never built anew from what it says: what is signed is the payload's very text.
Rule 2: what is not such a record is refused here, not at the bill.
Source: OCMF 1.0 to 1.3 (S.A.F.E. e.V.); keys: RFC 5480; signatures: RFC 3279 2.2.3.
"""

import re
from typing import Any

import msgspec

from hal.errors import DeviceFailed
from hal.types import SignedStart, SignedValue

DEFAULT_SIGNING_METHOD = "ECDSA-secp256r1-SHA256"
P256_KEY_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # X and Y follow
P256_POINT_BYTES = 64
NOT_IN_A_TEXT = re.compile(r'[|"\\\x00-\x1f\x7f]')  # "|" parts a record; not every meter escapes the others


def signed_value(record: bytes, public_key: str) -> SignedValue:
    """The record as the meter gave it. Raises DeviceFailed if it is no OCMF record."""
    try:
        text = record.decode("utf-8")
        name, payload, signature = text.split("|")
        signer = msgspec.json.decode(signature, type=dict[str, Any])
        readings = msgspec.json.decode(payload, type=dict[str, Any])["RD"]
    except (ValueError, KeyError, msgspec.DecodeError) as error:
        raise DeviceFailed(f"garbage: the record is no OCMF ({error}): {record[:60]!r}") from error
    if name != "OCMF" or not readings or not signer.get("SD"):
        raise DeviceFailed(f"garbage: the record has no reading or no signature: {record[:60]!r}")
    return SignedValue(
        data=text,
        signing_method=str(signer.get("SA", DEFAULT_SIGNING_METHOD)),
        public_key=public_key,
    )


def is_of_transaction(record: str, transaction_id: str) -> bool:
    """Whether identification() has named this transaction in the record."""
    payload = msgspec.json.decode(record.split("|")[1], type=dict[str, Any])
    return bool(transaction_id) and transaction_id in str(payload.get("ID", "")).split(" ")


def joined(payload: bytes, signature: bytes) -> bytes:
    """The record of a meter that keeps payload and DER signature apart; algorithm and coding by default."""
    return b'OCMF|%b|{"SD":"%b"}' % (payload, strict_der(signature).hex().upper().encode())


def strict_der(signature: bytes) -> bytes:
    """The same two integers without superfluous leading zeros: Iskra has them, strict verifiers refuse them.

    Raises DeviceFailed if the bytes are not a DER sequence of two integers.
    """
    r, rest = _integer(signature[2:])
    s, end = _integer(rest)
    if signature[0:1] != b"\x30" or signature[1] != len(signature) - 2 or end:
        raise DeviceFailed(f"garbage: the signature is no DER sequence of two integers: {signature.hex()}")
    body = _der_integer(r) + _der_integer(s)
    return b"\x30" + bytes((len(body),)) + body


def _integer(der: bytes) -> tuple[bytes, bytes]:
    """Contents of the integer that der begins with, and what follows it."""
    if der[0:1] != b"\x02" or len(der) < 3 or not 0 < der[1] <= len(der) - 2:
        raise DeviceFailed(f"garbage: no DER integer in the signature: {der.hex()}")
    return der[2 : 2 + der[1]], der[2 + der[1] :]


def _der_integer(contents: bytes) -> bytes:
    short = contents.lstrip(b"\x00") or b"\x00"
    if contents[0] == 0 and short[0] >= 0x80:
        short = b"\x00" + short
    return b"\x02" + bytes((len(short),)) + short


def key_of_point(point: bytes) -> str:
    """DER form, in hexadecimal, of a P-256 key of which the meter tells X and Y."""
    if len(point) != P256_POINT_BYTES or not any(point):
        raise DeviceFailed(f"garbage: the public key is no point of P-256: {point.hex()}")
    return (P256_KEY_PREFIX + point).hex()


def key_of_der(der: bytes) -> str:
    """As hexadecimal text. Raises DeviceFailed if it is no DER sequence."""
    if len(der) < 2 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise DeviceFailed(f"garbage: the public key is no DER sequence: {der.hex()}")
    return der.hex()


def clean(text: str) -> str:
    """Without the characters that would break a record."""
    return NOT_IN_A_TEXT.sub(" ", text)


def identification(record: SignedStart) -> str:
    """What stands for the user where a meter has one text: token, transaction, tariff."""
    parts = (record.identification_data, record.transaction_id, record.tariff_text)
    return clean(" ".join(part for part in parts if part))


def shortened(text: str, size: int) -> bytes:
    """At most size bytes of UTF-8, no character cut in two."""
    return text.encode("utf-8")[:size].decode("utf-8", "ignore").encode("utf-8")


def heading(record: SignedStart | None) -> bytes:
    """The payload's beginning for a meter that adds its own identity, pagination and readings.

    None: the record was begun by somebody who is gone; it says so by IS false.
    """
    return msgspec.json.encode(
        {
            "FV": "1.0",
            **dict.fromkeys(("GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF"), ""),
            "IS": record is not None and bool(record.identification_data),
            "IF": [],
            "IT": clean(record.identification_type) if record else "NONE",
            "ID": identification(record) if record else "",
            "CT": "EVSEID",
            "CI": clean(record.evse_id) if record else "",
            "RD": [],
        }
    )
