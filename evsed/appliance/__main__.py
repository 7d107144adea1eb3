"""evse-appliance: what the image's units call, and the owner's verbs of evsectl."""

import argparse
import sys
from collections.abc import Sequence

from evsed.appliance import arguments
from evsed.appliance.machine import Machine, Refused
from evsed.appliance.programs import ProgramFailed
from evsed.appliance.system import NoAppliance

OK, REFUSED, HOOK_REFUSED = 0, 1, 10  # 10: what RAUC takes for a hook's "no"
# fmt: off
OF_UNITS = {
    "first-boot":    "make what is missing, apply evse-provision.toml, set this boot up (a unit)",
    "self-check":    "mark the slot good if all is well, else reboot if it can go back (a unit)",
    "check-version": "exit with 10 if VERSION may not be installed (a bundle's hook)",
}
# fmt: on


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    try:
        return _carry_out(asked)
    except (Refused, NoAppliance, ProgramFailed) as error:
        print(f"evse-appliance: {error}", file=sys.stderr)
        return HOOK_REFUSED if asked.verb == "check-version" else REFUSED
    except KeyboardInterrupt:
        return 128 + 2


def _carry_out(asked: argparse.Namespace) -> int:
    if asked.verb == "first-boot":
        return OK if _first_boot() else REFUSED
    if asked.verb == "self-check":
        return OK if _self_check() else REFUSED
    if asked.verb == "check-version":
        from evsed.appliance import update

        update.check_version(asked.version)
    else:
        from evsed.appliance import verbs

        verbs.run(asked, Machine())
    return OK


def _first_boot() -> bool:
    from evsed.appliance.first_boot import first_boot  # all of a start waits for it: nothing else is loaded

    return first_boot(Machine())


def _self_check() -> bool:
    from evsed.appliance.charger import ask
    from evsed.appliance.self_check import self_check
    from evsed.clock import SystemClock

    return self_check(Machine(), ask, SystemClock())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evse-appliance", description=__doc__)
    subs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in OF_UNITS.items():
        sub = subs.add_parser(name, help=text, description=text)
        if name == "check-version":
            sub.add_argument("version", metavar="VERSION")
    for name, text in arguments.HELP.items():
        arguments.add_arguments(name, subs.add_parser(name, help=text, description=text))
    return parser


if __name__ == "__main__":
    sys.exit(main())
