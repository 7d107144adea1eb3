"""Now, as the API's translations want it."""

from evsed.api.operations import Moment
from evsed.clock import SystemClock, utc_s, utc_synchronised


def moment() -> Moment:
    return Moment(SystemClock().now_s(), utc_s(), utc_synchronised())
