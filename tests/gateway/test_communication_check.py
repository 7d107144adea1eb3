"""Supervision of the client that has promised to say communication_check."""

from evsed.gateway.communication_check import Change, CommunicationCheck, Fault

LOST = Change(Fault.LOST, True, "No communication_check for 5 s (api.communication_check_s)")
INITIAL = Change(Fault.INITIAL, True, "Send communication_check to clear the error")


def test_a_client_that_never_sends_it_is_left_alone() -> None:
    check = CommunicationCheck(5, required=False)
    assert check.start(0.0) == ()
    assert [check.tick(now_s) for now_s in (4.0, 6.0, 1000.0)] == [(), (), ()]


def test_supervision_starts_with_the_first_true() -> None:
    check = CommunicationCheck(5, required=False)
    check.start(0.0)
    assert check.heard(True, 100.0) == ()
    assert check.tick(104.9) == ()
    assert check.tick(105.0) == (LOST,)


def test_an_error_is_raised_once_and_cleared_by_the_next_true() -> None:
    check = CommunicationCheck(5, required=False)
    check.heard(True, 0.0)
    assert check.tick(5.0) == (LOST,)
    assert check.tick(6.0) == ()
    assert check.heard(True, 7.0) == (Change(Fault.LOST, False),)
    assert check.tick(11.9) == ()
    assert check.tick(12.0) == (LOST,)


def test_each_true_starts_the_window_anew() -> None:
    check = CommunicationCheck(5, required=False)
    for now_s in range(0, 40, 4):
        assert check.heard(True, now_s) == ()
        assert check.tick(now_s + 3.9) == ()


def test_where_it_is_required_there_is_an_error_from_the_start_and_no_second_one() -> None:
    check = CommunicationCheck(5, required=True)
    assert check.start(0.0) == (INITIAL,)
    assert check.tick(6.0) == ()
    assert check.heard(True, 7.0) == (Change(Fault.INITIAL, False),)
    assert check.tick(12.0) == (LOST,)


def test_false_clears_and_ends_it_for_good() -> None:
    check = CommunicationCheck(5, required=True)
    check.start(0.0)
    assert check.heard(False, 1.0) == (Change(Fault.INITIAL, False),)
    assert check.heard(True, 2.0) == ()
    assert check.tick(100.0) == ()


def test_false_before_the_first_true_ends_it_too() -> None:
    check = CommunicationCheck(5, required=False)
    assert check.heard(False, 1.0) == ()
    check.heard(True, 2.0)
    assert check.tick(100.0) == ()


def test_a_period_of_zero_supervises_nothing() -> None:
    check = CommunicationCheck(0, required=True)
    assert check.start(0.0) == ()
    assert check.heard(True, 1.0) == ()
    assert check.tick(100.0) == ()
