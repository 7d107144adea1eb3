import pytest

from tests.hal.sim.rig import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()
