"""The order of versions, and how far back an update may go."""

import re

MINIMUM = "0.1.0"  # an older image cannot read the data partition of this one: raise it with such a change
_FORM = re.compile(r"(\d+(?:\.\d+)*)(?:[-~+]?(.*))?")


class VersionRefused(Exception):
    """The text says which version it is and which are taken."""


def order(version: str) -> tuple[tuple[int, ...], bool, str]:
    """A key to sort by: 1.2.0 is above 1.1.9 and its own pre-releases (1.2.0-rc1). Raises VersionRefused."""
    form = _FORM.fullmatch(version.strip())
    if form is None:
        raise VersionRefused(f"version {version!r} is not of the form 1.2.3 or 1.2.3-rc1")
    numbers = tuple(int(part) for part in form[1].split("."))
    rest = form[2] or ""
    return (*numbers, *(0,) * (4 - len(numbers))), not rest, rest


def require_installable(version: str, minimum: str = MINIMUM) -> None:
    """Raises VersionRefused."""
    if order(version) < order(minimum):
        raise VersionRefused(
            f"version {version} is older than {minimum}, the oldest that can work with this data partition; "
            "take a newer bundle"
        )
