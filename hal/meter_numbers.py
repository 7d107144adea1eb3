"""Numbers and texts in Modbus registers, both ways. Pure.

Rule 1: registers are big-endian inside; word_order tells which register of a number comes first.
Rule 2: decimals are divided by whole numbers, so that 2305 tenths are 230.5 and not 230.50000000000003.
"""

import struct
from collections.abc import Sequence
from typing import Literal

FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f"}
MANTISSA_BITS = (
    24  # t5 (unsigned) and t6 (signed): i8 decimal exponent, then the mantissa (Iskra WM3M4 manual)
)
MANTISSA_RANGES = {
    "t5": (0, 2**MANTISSA_BITS - 1),
    "t6": (-(2 ** (MANTISSA_BITS - 1)), 2 ** (MANTISSA_BITS - 1) - 1),
}
EXPONENTS = range(-4, 5)  # that encode() tries, finest first

RegisterType = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "t5", "t6"]
IntegerType = Literal["u16", "i16", "u32", "i32", "u64", "i64"]
WordOrder = Literal["big", "little"]


def word_count(register_type: str) -> int:
    return 2 if register_type in MANTISSA_RANGES else struct.calcsize(FORMATS[register_type]) // 2


def decode(words: Sequence[int], register_type: str, word_order: WordOrder) -> float:
    """The raw number that the words hold; integer types give an int."""
    ordered = words if word_order == "big" else words[::-1]
    raw = struct.pack(f">{len(words)}H", *ordered)
    if register_type in MANTISSA_RANGES:
        signed = register_type == "t6"
        exponent = int.from_bytes(raw[:1], "big", signed=True)
        return scaled(int.from_bytes(raw[1:], "big", signed=signed), 1.0, exponent)
    (number,) = struct.unpack(FORMATS[register_type], raw)
    return float(number) if register_type == "f32" else int(number)


def encode(number: float, register_type: str, word_order: WordOrder) -> tuple[int, ...]:
    """The inverse of decode; integer types round. Raises ValueError if the number does not fit."""
    try:
        raw = _packed(number, register_type)
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueError(f"{number} does not fit into {register_type}: {error}") from error
    words: tuple[int, ...] = struct.unpack(f">{len(raw) // 2}H", raw)
    return words if word_order == "big" else words[::-1]


def _packed(number: float, register_type: str) -> bytes:
    if register_type in MANTISSA_RANGES:
        return _packed_mantissa(number, *MANTISSA_RANGES[register_type])
    packed: bytes = struct.pack(FORMATS[register_type], number if register_type == "f32" else round(number))
    return packed


def _packed_mantissa(number: float, low: int, high: int) -> bytes:
    for exponent in EXPONENTS if number >= low else ():
        mantissa = round(number * 10.0**-exponent)
        if low <= mantissa <= high:
            bits: int = mantissa % 2**MANTISSA_BITS
            return struct.pack(">b", exponent) + bits.to_bytes(3, "big")
    raise ValueError("too large, or negative")


def scaled(raw: float, factor: float, exponent: int = 0) -> float:
    """raw times factor times ten to the exponent."""
    power = 10 ** abs(exponent)
    number: float = raw / power if exponent < 0 else raw * power
    parts = 1.0 / factor
    if abs(factor) < 1.0 and abs(parts - round(parts)) < 1e-9 * abs(parts):
        return number / round(parts)
    return number * factor


def decode_text(words: Sequence[int]) -> str:
    """Two characters a register, without what pads it. Raises ValueError unless it is printable ASCII."""
    text = struct.pack(f">{len(words)}H", *words).rstrip(b"\x00 \xff").decode("ascii").strip()
    if not text.isprintable():
        raise ValueError(f"{text!r} is not printable")
    return text


def encode_text(data: bytes, count: int) -> tuple[int, ...]:
    """The bytes, padded with zeros to count registers. Raises ValueError if they are too many."""
    if len(data) > 2 * count:
        raise ValueError(f"{len(data)} bytes do not fit into {count} registers")
    return struct.unpack(f">{count}H", data.ljust(2 * count, b"\x00"))
