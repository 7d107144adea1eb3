from evsed.gateway.rate_limit import RateLimit


def test_the_first_goes_through_at_once() -> None:
    assert RateLimit(5.0).allow(100.0) == 0


def test_the_rest_is_held_back_and_counted() -> None:
    limit = RateLimit(5.0)
    limit.allow(100.0)
    assert [limit.allow(100.0 + s) for s in (0.1, 2.0, 4.9)] == [None, None, None]
    assert limit.allow(105.0) == 3
    assert limit.allow(110.0) == 0
