"""What clients send: the contract's shapes with its bounds, in its JSON names.

Rule 1: an unknown enum string, a wrong type, a missing field or a broken bound makes the message invalid.
Rule 2: keys that are not listed here are ignored.
Rule 3: null is no value; only headers and replyTo may be null, which says the same as leaving them out.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from evsed.api.wire_extensions import CertificateAction
from evsed.core.commands import AvailabilityRow, EnableSource, EnableState
from evsed.core.states import StopReason
from evsed.core.tokens import AuthorizationType, IdTokenType, ProvidedIdToken
from evsed.core.tokens import IdToken as CoreIdToken

# The contract bounds most integers not at all; the link between the processes carries 64 bits.
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
UtcTime = Annotated[datetime, Meta(tz=True)]


class AuthorizationStatus(Enum):
    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class CertificateStatus(Enum):
    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class EnergyTransferMode(Enum):
    AC_SINGLE_PHASE_CORE = "AC_single_phase_core"
    AC_TWO_PHASE = "AC_two_phase"
    AC_THREE_PHASE_CORE = "AC_three_phase_core"
    DC_CORE = "DC_core"
    DC_EXTENDED = "DC_extended"
    DC_COMBO_CORE = "DC_combo_core"
    DC_UNIQUE = "DC_unique"
    DC = "DC"
    AC_BPT = "AC_BPT"
    AC_BPT_DER = "AC_BPT_DER"
    AC_DER = "AC_DER"
    DC_BPT = "DC_BPT"
    DC_ACDP = "DC_ACDP"
    DC_ACDP_BPT = "DC_ACDP_BPT"
    WPT = "WPT"


class HashAlgorithm(Enum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class MessageFormat(Enum):
    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"
    QRCODE = "QRCODE"


class Headers(msgspec.Struct, frozen=True):
    reply_to: str | None = msgspec.field(name="replyTo", default=None)


class Bare(msgspec.Struct, frozen=True):
    """The envelope of a request without an argument."""

    headers: Headers | None = None


T = TypeVar("T")


class Request(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of a request with an argument."""

    payload: T
    headers: Headers | None = None


class OptionalRequest(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of a request whose argument may be missing."""

    payload: T | UnsetType = UNSET
    headers: Headers | None = None


class CustomIdToken(msgspec.Struct, frozen=True):
    value: Annotated[str, Meta(max_length=36)]
    type: Annotated[str, Meta(max_length=50)]


class IdToken(msgspec.Struct, frozen=True):
    value: Annotated[str, Meta(max_length=36)]
    type: IdTokenType
    additional_info: tuple[CustomIdToken, ...] | UnsetType = UNSET

    def to_core(self) -> CoreIdToken:
        return msgspec.convert(msgspec.to_builtins(self), CoreIdToken)


class CertificateHashDataInfo(msgspec.Struct, frozen=True, rename="camel"):
    hash_algorithm: HashAlgorithm
    issuer_name_hash: Annotated[str, Meta(max_length=128)]
    issuer_key_hash: Annotated[str, Meta(max_length=128)]
    serial_number: Annotated[str, Meta(max_length=40)]
    responder_url: Annotated[str, Meta(max_length=512)] = msgspec.field(name="responderURL")


class ProvidedToken(msgspec.Struct, frozen=True):
    """ProvidedIdToken of the contract; the core's type of that name has the same keys without the bounds."""

    id_token: IdToken
    authorization_type: AuthorizationType
    parent_id_token: IdToken | UnsetType = UNSET
    prevalidated: bool | UnsetType = UNSET
    request_id: Integer | UnsetType = UNSET
    connectors: tuple[Positive, ...] | UnsetType = UNSET
    certificate: Annotated[str, Meta(max_length=5500)] | UnsetType = UNSET
    iso15118_certificate_hash_data: (
        Annotated[tuple[CertificateHashDataInfo, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = msgspec.field(name="iso15118CertificateHashData", default=UNSET)

    def to_core(self) -> ProvidedIdToken:
        return msgspec.convert(msgspec.to_builtins(self), ProvidedIdToken)


class MessageContent(msgspec.Struct, frozen=True):
    content: str
    format: MessageFormat | UnsetType = UNSET
    language: str | UnsetType = UNSET


class ValidationResult(msgspec.Struct, frozen=True):
    """tariff_messages is required by the contract but missing in its example, so it may be missing."""

    authorization_status: AuthorizationStatus
    tariff_messages: tuple[MessageContent, ...] = ()
    certificate_status: CertificateStatus | UnsetType = UNSET
    expiry_time: UtcTime | UnsetType = UNSET
    parent_id_token: IdToken | UnsetType = UNSET
    evse_ids: tuple[Positive, ...] | UnsetType = UNSET
    reservation_id: Integer | UnsetType = UNSET
    allowed_energy_transfer_modes: (
        Annotated[tuple[EnergyTransferMode, ...], Meta(min_length=1)] | UnsetType
    ) = UNSET


class AuthorizeResponseArgs(msgspec.Struct, frozen=True):
    """token and result are required; interface 000 calls them provided_token and validation_result."""

    token: ProvidedToken | UnsetType = UNSET
    result: ValidationResult | UnsetType = UNSET
    provided_token: ProvidedToken | UnsetType = UNSET
    validation_result: ValidationResult | UnsetType = UNSET

    def __post_init__(self) -> None:
        for name, older in (("token", "provided_token"), ("result", "validation_result")):
            if getattr(self, name) is UNSET and getattr(self, older) is UNSET:
                raise ValueError(f"Object missing required field `{name}`")

    def given_token(self) -> ProvidedToken:
        token = self.provided_token if self.token is UNSET else self.token
        assert token is not UNSET
        return token

    def given_result(self) -> ValidationResult:
        result = self.validation_result if self.result is UNSET else self.result
        assert result is not UNSET
        return result


class EnableDisableSource(msgspec.Struct, frozen=True):
    enable_source: EnableSource
    enable_state: EnableState
    enable_priority: Annotated[int, Meta(ge=0, le=10000)]

    def to_core(self) -> AvailabilityRow:
        return AvailabilityRow(self.enable_source, self.enable_state, self.enable_priority)


class EnableDisableRequest(msgspec.Struct, frozen=True):
    connector_id: Integer
    source: EnableDisableSource


class StopTransactionRequest(msgspec.Struct, frozen=True):
    reason: StopReason
    id_tag: ProvidedToken | UnsetType = UNSET


class SessionsQuery(msgspec.Struct, frozen=True):
    """since: sessions that began then or later."""

    since: UtcTime | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class SessionsRequest(msgspec.Struct, frozen=True):
    payload: SessionsQuery = SessionsQuery()
    headers: Headers | None = None


class ThreePhases(msgspec.Struct, frozen=True):
    three_phases: bool


class ResponseStatus(Enum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"


class ResponseExiStreamStatus(msgspec.Struct, frozen=True):
    """The answer to iso15118_certificate_request; exi_response is base64."""

    status: ResponseStatus
    certificate_action: CertificateAction
    exi_response: Annotated[str, Meta(max_length=5600)] | UnsetType = UNSET


class PlugAndChargeConfiguration(msgspec.Struct, frozen=True):
    """What is unset stays as it is."""

    pnc_enabled: bool | UnsetType = UNSET
    central_contract_validation_allowed: bool | UnsetType = UNSET
    contract_certificate_installation_enabled: bool | UnsetType = UNSET


DelayDuration = Annotated[int, Meta(ge=0, le=86400)]
EnergyTransferModes = Annotated[tuple[EnergyTransferMode, ...], Meta(min_length=1)]
