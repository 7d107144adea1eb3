from evsed.api.router import Publication
from evsed.gateway.latest import LatestValues


def test_the_last_payload_of_a_variable_is_known_byte_for_byte() -> None:
    latest = LatestValues(["e2m/ready"])
    latest.note(Publication("e2m/ready", b"false", 0, True))
    latest.note(Publication("e2m/ready", b"true", 0, True))
    assert latest.of("e2m/ready") == b"true"


def test_before_the_first_it_is_null() -> None:
    assert LatestValues(["e2m/ready"]).of("e2m/ready") == b"null"


def test_replies_are_not_kept() -> None:
    latest = LatestValues(["e2m/ready"])
    latest.note(Publication("client/reply", b"true", 1, False))
    assert latest.of("client/reply") == b"null"
