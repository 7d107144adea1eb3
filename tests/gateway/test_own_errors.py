from evsed.api.errors import ActiveErrors
from evsed.config.schema import ApiConfig
from evsed.gateway.client_watch import ClientWatch
from evsed.gateway.communication_check import Fault
from evsed.gateway.own_errors import INTERNAL, METER_START, OwnErrors


class Rig:
    def __init__(self, required: bool = False) -> None:
        self.now_s = 0.0
        self.told: list[tuple[str, object]] = []
        self.lines: list[str] = []
        self.own = OwnErrors(
            ActiveErrors(), lambda *value: self.told.append(value), lambda p, text, f: self.lines.append(text)
        )
        api = ApiConfig(communication_check_s=5, communication_check_required=required)
        self.client = ClientWatch(api, self.own, lambda: self.now_s)

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def lost(rig: Rig) -> None:
    rig.client.heard(True)
    rig.now_s = 5.0
    rig.client.tick()


def test_an_error_is_told_when_raised_and_when_cleared() -> None:
    rig = Rig()
    lost(rig)
    rig.client.heard(True)
    assert rig.names() == ["error_raised", "active_errors", "error_cleared", "active_errors"]
    raised, active, cleared, none = (value for _, value in rig.told)
    assert (raised.type, raised.sub_type) == ("generic/CommunicationFault", Fault.LOST.value)
    assert raised.message == "No communication_check for 5 s (api.communication_check_s)"
    assert raised.severity.value == "High"
    assert active == (raised,)
    assert (cleared.uuid, cleared.state.value) == (raised.uuid, "ClearedByModule")
    assert none == ()
    assert len(rig.lines) == 2


def test_a_client_that_must_check_is_missed_from_the_start() -> None:
    rig = Rig(required=True)
    rig.client.start()
    assert [value.sub_type for name, value in rig.told if name == "error_raised"] == [Fault.INITIAL.value]


def test_what_is_not_active_cannot_be_cleared() -> None:
    rig = Rig()
    rig.client.heard(True)
    rig.own.clear(INTERNAL)
    assert rig.told == []


def test_each_row_is_an_error_of_its_own() -> None:
    rig = Rig()
    rig.own.raise_(INTERNAL)
    rig.own.raise_(INTERNAL, "it has died again")
    rig.own.raise_(METER_START, "no answer")
    rig.own.clear(INTERNAL)
    assert rig.names().count("error_raised") == 2
    assert [error.type for error in rig.told[-1][1]] == [METER_START.type]
    assert rig.lines == [
        "control: Internal (control): the control process has died: the power is off",
        "meter: PowermeterTransactionStartFailed (meter): no answer",
        "control: Internal (control): cleared",
    ]
