from evsed.control.lateness import EVERY_S, LATE_S, Lateness


def test_the_first_late_tick_is_told_at_once_and_those_after_it_together() -> None:
    told: list[str] = []
    lateness = Lateness(told.append)
    lateness.note(LATE_S - 0.001, 0.0)
    lateness.note(0.045, 1.0)
    for n in range(400):
        lateness.note(0.030, 1.0 + n / 100)
    lateness.note(0.060, 5.0)
    assert told == ["tick 45 ms late"]
    lateness.note(0.0, 1.0 + EVERY_S - 0.01)
    assert told[1:] == []
    lateness.note(0.0, 1.0 + EVERY_S)  # the machine has come to rest: what there was is told all the same
    assert told[1:] == ["401 ticks, up to 60 ms late"]
    lateness.note(0.0, 1.0 + 2 * EVERY_S)
    lateness.note(0.022, 1000.0)
    assert told[2:] == ["tick 22 ms late"]
