"""The simulated meters' ECDSA against the tests' own, which shares nothing with it."""

import pytest

from hal.sim.p256 import N, public_point, sign
from tests.hal import ecdsa

SECRETS = (1, 2, 0x1234567890ABCDEF, N - 1)


@pytest.mark.parametrize("secret", SECRETS)
def test_the_public_point_is_the_secrets(secret: int) -> None:
    assert public_point(secret) == ecdsa.public_point(ecdsa.P256, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_signed_verifies_and_nothing_else_does(secret: int) -> None:
    point = public_point(secret)
    key = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    signature = sign(secret, b'{"RV":1.50}')
    assert ecdsa.verifies(ecdsa.P256, key, b'{"RV":1.50}', signature)
    assert not ecdsa.verifies(ecdsa.P256, key, b'{"RV":1.51}', signature)
