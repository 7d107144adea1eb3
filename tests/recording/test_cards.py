"""A recording that somebody may be given who is not to know the cards."""

import gzip
from pathlib import Path

from evsed.core import commands as c
from evsed.core.settings import AuthMode, KnownToken, Settings
from evsed.recording.cards import cards_of, without_cards
from evsed.recording.replay import replay
from evsed.recording.tape import MAGIC, Tape
from tests.bench import token
from tests.recording.recorded import RecordedBench, written

CARDS = (KnownToken("04A2B3C4", "Anna", "house"), KnownToken("04DEADBEEF", "Ben"))
STRANGER = "0411223344"
SECRETS = ("04a2b3c4", "04deadbeef", "0411223344", "anna", "house", "0455667788")


def recording(tmp_path: Path) -> Path:
    bench = RecordedBench(Settings(auth_mode=AuthMode.TOKENS, tokens=CARDS))
    bench.plug_in()
    bench.ask(c.Reserve(c.Reservation(1, "0455667788")))
    bench.ask(c.PresentToken(token(STRANGER)))
    bench.ask(c.CancelReservation())
    bench.ask(c.PresentToken(token("04A2B3C4")))
    bench.request_power()
    bench.run(5.0)
    return written(bench.record(), tmp_path)


def test_no_card_is_left_and_it_replays_as_it_did(tmp_path: Path) -> None:
    path = recording(tmp_path)
    plain = gzip.decompress(path.read_bytes()[len(MAGIC) :]).lower()
    assert all(secret.encode() in plain for secret in SECRETS)  # else there was nothing to hide
    clean = tmp_path / "clean.evrec"
    clean.write_bytes(without_cards(path))
    told = gzip.decompress(clean.read_bytes()[len(MAGIC) :]).lower()
    assert [secret for secret in SECRETS if secret.encode() in told] == []
    before, after = list(replay(Tape(path))), list(replay(Tape(clean)))
    assert len(after) == len(before) > 500
    assert all(now.difference is None for now in after)
    assert [now.snapshot.state for now in after] == [now.snapshot.state for now in before]


def test_cards_are_found_by_their_type(tmp_path: Path) -> None:
    assert cards_of(Tape(recording(tmp_path))) == {*SECRETS, "ben"}
