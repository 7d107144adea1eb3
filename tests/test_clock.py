"""What the kernel says of the wall clock."""

import pytest

from evsed.clock import is_synchronised

TIME_OK, TIME_INS, TIME_WAIT, TIME_ERROR, REFUSED = 0, 1, 4, 5, -1  # adjtimex(2)


@pytest.mark.parametrize("state", [TIME_OK, TIME_INS, TIME_WAIT])
def test_a_synchronised_clock_is_trusted(state: int) -> None:
    assert is_synchronised(state)


@pytest.mark.parametrize("state", [TIME_ERROR, REFUSED])
def test_an_unsynchronised_clock_and_a_refused_question_are_not(state: int) -> None:
    assert not is_synchronised(state)
