"""Identification tokens, in the field names of the API."""

from enum import Enum

import msgspec


class IdTokenType(Enum):
    CENTRAL = "Central"
    EMAID = "eMAID"
    MAC_ADDRESS = "MacAddress"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    NO_AUTHORIZATION = "NoAuthorization"


class AuthorizationType(Enum):
    OCPP = "OCPP"
    RFID = "RFID"
    AUTOCHARGE = "Autocharge"
    PLUG_AND_CHARGE = "PlugAndCharge"
    BANK_CARD = "BankCard"


class CustomIdToken(msgspec.Struct, frozen=True):
    value: str
    type: str


class IdToken(msgspec.Struct, frozen=True, omit_defaults=True):
    value: str
    type: IdTokenType
    additional_info: tuple[CustomIdToken, ...] = ()


class CertificateHashData(msgspec.Struct, frozen=True, rename="camel"):
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str = msgspec.field(name="responderURL")


class ProvidedIdToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token as somebody presented it; handed on unchanged in events."""

    id_token: IdToken
    authorization_type: AuthorizationType
    parent_id_token: IdToken | None = None
    prevalidated: bool | None = None
    request_id: int | None = None
    connectors: tuple[int, ...] = ()
    certificate: str | None = None
    iso15118_certificate_hash_data: tuple[CertificateHashData, ...] = msgspec.field(
        name="iso15118CertificateHashData", default=()
    )


FREE_SERVICE = ProvidedIdToken(
    IdToken("FREESERVICE", IdTokenType.LOCAL), AuthorizationType.RFID, prevalidated=True
)


def local_token(value: str) -> ProvidedIdToken:
    """A token typed or presented at the charger itself."""
    return ProvidedIdToken(IdToken(value, IdTokenType.LOCAL), AuthorizationType.RFID)
