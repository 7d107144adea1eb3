"""Which simulated extras there are: those that are configured, on the simulated board only."""

from evsed.config.schema import Config
from evsed.gateway.queries import NO_HLC, HighLevel
from evsed.gateway.simulated_extras import SimulatedDc, SimulatedExtras, SimulatedHlc, Tell
from evsed.service import WARNING, JournalLine

SIMULATED_BOARD = "sim"
_WHAT = {
    "dc": "DC supply and isolation monitor are made up (sim.dc)",
    "hlc": "ISO 15118 is made up (sim.hlc)",
}


def extras_of(config: Config, tell: Tell, journal: JournalLine) -> SimulatedExtras:
    """On a real board nothing may be made up: the keys are ignored there, with a line that says so."""
    wanted = {"dc": config.sim.dc, "hlc": config.sim.hlc}
    for name in [name for name, on in wanted.items() if on]:
        if config.board.name == SIMULATED_BOARD:
            journal(WARNING, f"SIMULATION: {_WHAT[name]}; nothing of it has an effect on charging", {})
        else:
            wanted[name] = False
            text = f"sim.{name} is ignored: board {config.board.name} is a real one; remove the key"
            journal(WARNING, text, {})
    return SimulatedExtras(
        SimulatedDc(tell) if wanted["dc"] else None, SimulatedHlc(tell) if wanted["hlc"] else None
    )


def high_level_of(extras: SimulatedExtras) -> HighLevel:
    hlc = extras.hlc
    if hlc is None:
        return NO_HLC
    return HighLevel(hlc.certificate_response, hlc.plug_and_charge, hlc.energy_transfer_modes)
