"""The card in the RFID reader's field: how its UID crosses the line file, exactly.

Rule: a double holds 53 bits, so a UID of up to 10 bytes takes two lines of 40 bits and its length a third.
"""

from hal.sim.lines import INDEX

UID_DIGITS = (8, 14, 20)  # 4, 7 or 10 bytes (ISO 14443-3)
HALF_DIGITS = 10
TOKEN_LINES = (INDEX["token_digits_n"], INDEX["token_hi"], INDEX["token_lo"])
NO_CARD = (0.0, 0.0, 0.0)

Levels = tuple[float, float, float]  # of TOKEN_LINES


def checked_uid(text: str) -> str:
    """In upper case; ValueError unless it is a UID."""
    if len(text) not in UID_DIGITS or not set(text) <= set("0123456789abcdefABCDEF"):
        raise ValueError(f"UID {text!r}: expected 8, 14 or 20 hexadecimal digits")
    return text.upper()


def levels_of(uid: str) -> Levels:
    """What the lines show for this card, "" for none. ValueError unless it is a UID."""
    if not uid:
        return NO_CARD
    digits = checked_uid(uid)
    hi, lo = digits[:HALF_DIGITS], digits[HALF_DIGITS:]
    return float(len(digits)), float(int(hi, 16)), float(int(lo or "0", 16))


def uid_of(levels: Levels) -> str | None:
    """The inverse: upper case hexadecimal, None without a card."""
    digits_n, hi, lo = (int(level) for level in levels)
    if not digits_n:
        return None
    hi_n = min(digits_n, HALF_DIGITS)
    lo_n = digits_n - hi_n
    return f"{hi:0{hi_n}X}" + (f"{lo:0{lo_n}X}" if lo_n else "")
