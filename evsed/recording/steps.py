"""Steps of the core as bytes: of each only what has changed since the step before.

Rule: what has not changed is the very same object again when it is read: the core compares by identity.
"""

from typing import Any, NamedTuple, get_type_hints

import msgspec

from evsed.core.events import Event
from evsed.core.inputs import Inputs, Outputs

_FIELDS = Inputs.__struct_fields__
_TYPES = get_type_hints(Inputs)


class Step(NamedTuple):
    """One call of Charger.step and what it returned.

    Not finished: the loop ended before it knew that; outputs are those of the step before.
    """

    now_s: float
    inputs: Inputs
    outputs: Outputs
    events: tuple[Event, ...]
    finished: bool = True


class _Packed(msgspec.Struct, array_like=True):
    now_s: float
    changed: dict[str, Any]  # fields of the inputs
    outputs: Outputs | None = None
    events: tuple[Event, ...] = ()
    finished: bool = True


class Packer:
    """before: the inputs and outputs of the state that the recording begins with."""

    def __init__(self, inputs: Inputs, outputs: Outputs) -> None:
        self._inputs, self._outputs = inputs, outputs
        self._encoder = msgspec.msgpack.Encoder()

    def pack(self, step: Step) -> bytes:
        old, new = self._inputs, step.inputs
        changed = {
            name: getattr(new, name) for name in _FIELDS if getattr(new, name) is not getattr(old, name)
        }
        outputs = None if step.outputs is self._outputs else step.outputs
        self._inputs, self._outputs = step.inputs, step.outputs
        return self._encoder.encode(_Packed(step.now_s, changed, outputs, step.events, step.finished))


class Unpacker:
    def __init__(self, inputs: Inputs, outputs: Outputs) -> None:
        self._inputs, self._outputs = inputs, outputs
        self._decoder = msgspec.msgpack.Decoder(_Packed)

    def unpack(self, data: bytes) -> Step:
        """Raises msgspec.MsgspecError."""
        packed = self._decoder.decode(data)
        if unknown := packed.changed.keys() - _TYPES.keys():
            raise msgspec.ValidationError(f"there is no input {sorted(unknown)[0]}")
        changed = {name: msgspec.convert(value, _TYPES[name]) for name, value in packed.changed.items()}
        self._inputs = msgspec.structs.replace(self._inputs, **changed)
        self._outputs = packed.outputs or self._outputs
        return Step(packed.now_s, self._inputs, self._outputs, packed.events, packed.finished)
