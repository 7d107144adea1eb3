"""The API as two tables: what clients may ask for (OPERATIONS) and what they may read (VARIABLES).

Rule 1: one more operation or variable is one row, plus a struct in arguments.py or wire.py.
Rule 2: an operation is subscribed to by its name, never by a wildcard: clients put reply topics beside them.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from evsed.api import values, wire
from evsed.api.arguments import (
    AuthorizationStatus,
    AuthorizeResponseArgs,
    Bare,
    EnableDisableRequest,
    Integer,
    Request,
    StopTransactionRequest,
)
from evsed.api.identity import Identity
from evsed.core import commands
from evsed.core.events import CommandDone
from evsed.core.inputs import Snapshot

PREFIX = "everest_api/1/evse_manager_consumer/{module_id}"
OPERATION_QOS = 1
REPLY_QOS = 1


class Envelope(Enum):
    """How an argument is wrapped."""

    REQUEST = "request"  # {"headers": {"replyTo": ...}, "payload": argument}
    PLAIN = "plain"  # the message is the argument
    NONE = "none"  # no argument: any body will do, even none


class Operation(msgspec.Struct, frozen=True):
    """One thing that a client may send. Either the core is asked (command) or we answer (answer).

    reply says what a client that gave a reply topic hears of the core's CommandDone; None: nothing.
    """

    name: str
    envelope: Envelope
    body: Any  # type of the whole message; None for Envelope.NONE
    command: Callable[[Any], commands.Command] | None = None
    reply: Callable[[CommandDone], object] | None = None
    answer: Callable[[Identity], object] | None = None

    @property
    def address(self) -> str:
        return f"m2e/{self.name}"


class Variable(msgspec.Struct, frozen=True):
    """One thing that a client may read, and what it is made of where that is always the same."""

    name: str
    type: Any
    qos: int = 0
    retain: bool = True
    of_identity: Callable[[Identity], object] | None = None
    of_snapshot: Callable[[Identity, Snapshot, float], object | None] | None = None  # None: nothing to tell

    @property
    def address(self) -> str:
        return f"e2m/{self.name}"


def _result(done: CommandDone) -> bool:
    return done.result


def _enable(wanted: EnableDisableRequest) -> commands.Command:
    return commands.EnableDisable(wanted.source.to_core(), wanted.connector_id)


def _authorize(response: AuthorizeResponseArgs) -> commands.Command:
    accepted = response.result.authorization_status is AuthorizationStatus.ACCEPTED
    return commands.AuthorizeResponse(response.token.to_core(), accepted)


def _stop(wanted: StopTransactionRequest) -> commands.Command:
    id_tag = None if isinstance(wanted.id_tag, msgspec.UnsetType) else wanted.id_tag.to_core()
    return commands.StopTransaction(wanted.reason, id_tag)


def _just(command: commands.Command) -> Callable[[Any], commands.Command]:
    """A command that no argument changes."""
    return lambda argument: command


WITHDRAW = _just(commands.WithdrawAuthorization())
PAUSE = _just(commands.PauseCharging())
RESUME = _just(commands.ResumeCharging())
UNLOCK = _just(commands.ForceUnlock())  # there is one connector: its number is not looked at, as upstream

REQUEST, PLAIN, NONE = Envelope

# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    #         name                      envelope  type of the message              core command  reply
    Operation("get_evse",               REQUEST,  Bare,                            answer=values.evse),
    Operation("enable_disable",         REQUEST,  Request[EnableDisableRequest],   _enable,      _result),
    Operation("authorize_response",     PLAIN,    AuthorizeResponseArgs,           _authorize),
    Operation("withdraw_authorization", NONE,     None,                            WITHDRAW),
    Operation("pause_charging",         REQUEST,  Bare,                            PAUSE,        _result),
    Operation("resume_charging",        REQUEST,  Bare,                            RESUME,       _result),
    Operation("stop_transaction",       REQUEST,  Request[StopTransactionRequest], _stop,        _result),
    Operation("force_unlock",           REQUEST,  Request[Integer],                UNLOCK,       _result),
)

VARIABLES: tuple[Variable, ...] = (
    #        name                             type                       made of
    Variable("session_event",                 wire.SessionEvent,         qos=2, retain=False),
    Variable("session_info",                  wire.SessionInfo),
    Variable("powermeter",                    wire.Powermeter),
    Variable("limits",                        wire.Limits,               of_snapshot=values.limits),
    Variable("enforced_limits",               wire.EnforcedLimits,       of_snapshot=values.enforced_limits),
    Variable("evse_id",                       str,                       of_identity=values.evse_id),
    Variable("hw_capabilities",               wire.HardwareCapabilities, of_identity=values.hw_capabilities),
    Variable("ready",                         bool),
    Variable("online",                        bool),
    Variable("selected_protocol",             str),
    Variable("supported_energy_transfer_modes", tuple,                   of_identity=values.energy_modes),
    Variable("ac_nr_of_phases_available",     int,                       of_snapshot=values.phases),
    Variable("ac_pp_ampacity",                wire.ProximityPilot,       of_snapshot=values.ampacity),
    Variable("ev_info",                       wire.EvInfo),
    Variable("waiting_for_external_ready",    bool,                      of_identity=values.external_ready),
    Variable("heartbeat",                     int,                       retain=False),
)
# fmt: on
