"""What a client and an EV do to get a charging session going, and to end it."""

import json

from scripts.benchmarks.client import TraceClient
from scripts.benchmarks.site import API, MODIFY, SESSION_EVENT

HOLD = ";sleep 3600"  # the EV is unplugged at the end of a list
PLUG_IN = "iec_wait_pwr_ready"
OFFER_DUTY = 0.97  # a duty below it is an offer
TOKEN = {"id_token": {"value": "04A2B3C4", "type": "ISO14443"}, "authorization_type": "RFID"}
ACCEPTED = {"authorization_status": "Accepted", "tariff_messages": []}
AUTHORIZE_RESPONSE = json.dumps({"token": TOKEN, "result": ACCEPTED})


def is_offer(duty: float) -> bool:
    return 0.0 < duty < OFFER_DUTY


def is_no_offer(duty: float) -> bool:
    return not is_offer(duty)


def plug_in(client: TraceClient) -> None:
    """Until the charger waits for a token: it has locked the plug by then."""
    at_s = client.publish(MODIFY, PLUG_IN + HOLD)
    client.traced("lock", lambda locked: locked is True, at_s)


def authorize(client: TraceClient) -> tuple[float, float]:
    """When the token was sent and when the PWM went on."""
    at_s = client.publish(API + "m2e/authorize_response", AUTHORIZE_RESPONSE)
    return at_s, client.traced("duty", is_offer, at_s)


def begin(client: TraceClient) -> None:
    """Until current is offered to an EV that does not take it yet."""
    plug_in(client)
    authorize(client)


def unplug(client: TraceClient) -> None:
    """Until the charger has told that the session is over: it is free for the next EV."""
    client.publish(MODIFY, "rcd_current 0;pause;unplug" + HOLD)
    while json.loads(client.next(SESSION_EVENT)[1])["event"] != "SessionFinished":
        pass
    client.forget_trace()


def request(reply_topic: str) -> bytes:
    return json.dumps({"headers": {"replyTo": reply_topic}}).encode()
