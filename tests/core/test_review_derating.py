"""A thermometer that dies says nothing; above all not that it has cooled."""

from evsed.core.settings import Settings
from hal.types import Temperature
from tests.bench import Bench


def test_a_hot_thermometer_that_no_longer_answers_does_not_end_the_stop() -> None:
    """The gateway hands over those that answer; the plug's has melted, the other one is cool."""
    bench = Bench(Settings())
    bench.charge(32.0)
    bench.sampler.temperatures = (Temperature("evse", 30.0), Temperature("plug", 90.0))
    bench.run(3.0)
    assert not bench.powered
    bench.sampler.temperatures = (Temperature("evse", 30.0),)
    bench.run(15.0)
    assert not bench.powered, bench.faults()
