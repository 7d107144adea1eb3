"""What the owner's verbs take, the same for evsectl and evse-appliance.

Rule: it loads nothing heavy, as every evsectl does.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

# fmt: off
HELP = {
    "update":         "install an update, show which version runs, or go back to the one before",
    "factory-reset":  "delete all configuration, credentials and records, and start anew",
    "support-bundle": "write versions, journal, settings and recordings to a file, without secrets",
}
# fmt: on
_FORCE = "even if an EV is plugged or evsed does not answer"


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    ADD[verb](parser)


def _add_update(parser: argparse.ArgumentParser) -> None:
    subs = parser.add_subparsers(dest="what", metavar="install|status|rollback", required=True)
    installs = subs.add_parser(
        "install", help="install a bundle to the other slot, to be tried at the reboot"
    )
    installs.add_argument("file", metavar="FILE", type=Path, help="a bundle (.raucb)")
    back = subs.add_parser("rollback", help="go back to the version in the other slot")
    for sub in (installs, back):
        sub.add_argument("--force", action="store_true", help=_FORCE)
        sub.add_argument("--reboot", action="store_true", help="reboot then, without asking")
    status = subs.add_parser("status", help="show slot, version and the last rollback")
    status.add_argument("--json", action="store_true", help="print JSON")


def _add_reset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help=_FORCE)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="where it goes (default: here, named by the time)"
    )


ADD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "update": _add_update,
    "factory-reset": _add_reset,
    "support-bundle": _add_bundle,
}
