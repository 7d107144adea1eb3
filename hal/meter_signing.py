"""Where a meter that signs (OCMF) keeps its clock, its texts, its commands and its records. Data only.

Two ways exist: a snapshot signed at the start and another at the end (Bauer), and one record signed at the
end that holds both readings (Iskra). All registers are holding registers.
"""

from typing import Annotated

import msgspec

Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Registers that hold bytes, two each; unused ones are zero."""

    address: Address
    count: Count


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signed snapshot: its status, the status of its OCMF text and the text."""

    status: Address
    ocmf_status: Address
    ocmf: Field


class SnapshotSigning(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="snapshots", tag_field="kind"
):
    """A snapshot begins when 2 is written to its status, and is there when that reads 0."""

    time: Address  # u32 Unix seconds, then i16 minutes east of UTC; written in one request
    identification: Field  # goes into the record
    evse_id: Field  # these two are written in one request, so one must follow the other
    start: Snapshot
    end: Snapshot
    public_key: Field  # the first register is the number of bytes, then the DER form


class RecordSigning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="record", tag_field="kind"):
    """The record's heading is JSON written before the start; the meter adds readings and signs at the end."""

    state: Address  # 0 idle, 1 active, 2 active after a power failure, 3 active after a reset
    command: Address  # 0x4200 "B" begins, 0x7200 "r" ends
    status: Address  # of the command: 15 done, from 128 on an error
    time_zone: Address  # i16 minutes east of UTC
    time: Address  # u32 Unix seconds
    synchronised: Address  # 2: the time is synchronised
    algorithm: Address  # 0: ECDSA-secp256r1-SHA256
    heading_length: Address  # bytes
    heading: Field
    payload_length: Address
    payload: Field
    signature_length: Address
    signature: Field  # DER
    public_key: Field  # X and Y


Signing = SnapshotSigning | RecordSigning
