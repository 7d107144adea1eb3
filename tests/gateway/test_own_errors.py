from evsed.api.errors import ActiveErrors
from evsed.gateway.communication_check import Change, Fault
from evsed.gateway.own_errors import INTERNAL, METER_START, OwnErrors

RAISED = Change(Fault.LOST, True, "silent")
CLEARED = Change(Fault.LOST, False)


class Rig:
    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.lines: list[str] = []
        self.own = OwnErrors(
            ActiveErrors(), lambda *value: self.told.append(value), lambda p, text, f: self.lines.append(text)
        )

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def test_an_error_is_told_when_raised_and_when_cleared() -> None:
    rig = Rig()
    rig.own.communication((RAISED,))
    rig.own.communication((CLEARED,))
    assert rig.names() == ["error_raised", "active_errors", "error_cleared", "active_errors"]
    raised, active, cleared, none = (value for _, value in rig.told)
    assert (raised.type, raised.sub_type) == ("generic/CommunicationFault", Fault.LOST.value)
    assert raised.severity.value == "High"
    assert active == (raised,)
    assert (cleared.uuid, cleared.state.value) == (raised.uuid, "ClearedByModule")
    assert none == ()
    assert len(rig.lines) == 2


def test_what_is_not_active_cannot_be_cleared() -> None:
    rig = Rig()
    rig.own.communication((CLEARED,))
    assert rig.told == []


def test_each_row_is_an_error_of_its_own() -> None:
    rig = Rig()
    rig.own.raise_(INTERNAL, "it has died")
    rig.own.raise_(INTERNAL, "it has died again")
    rig.own.raise_(METER_START, "no answer")
    rig.own.clear(INTERNAL)
    assert rig.names().count("error_raised") == 2
    assert [error.type for error in rig.told[-1][1]] == [METER_START.type]
    assert rig.lines == [
        "control: Internal (control): it has died",
        "meter: PowermeterTransactionStartFailed (meter): no answer",
        "control: Internal (control): cleared",
    ]
