"""The simulated EV: when it closes S2 and how much it draws.

Rule 1: a call is a wish; it takes effect in the next step.
Rule 2: it keeps IEC 61851-1 unless told to break it: `request_power_fixed`, `draw_above_offer`, the shorts.
"""

import math
import random
from enum import Enum

from hal.sim.circuit import DUTY_MAX, DUTY_MIN, LETTERS, offer_a

REACTION_S = (0.25, 0.35)  # from a new duty or closed contacts to the EV's answer; 5 s allowed (A.6 seq. 6)
RAMP_A_PER_S = 16.0  # up and down; 32 A to nothing takes 2 s
S2_OPEN_BY_S = 2.0  # after it saw the offer end; with the reaction inside the 3 s of Table A.6 seq. 10.1
WAKE_S = 3.0  # pilot absent this long wakes a sleeping EV (A.5.3 wake-up uses 4 s)
PILOT_ABSENT_DUTY = 0.0  # what a disconnected pilot looks like to the EV


class Draw(Enum):
    NONE = "none"
    REGULATED = "regulated"
    FIXED = "fixed"


class Ev:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._seen_duty = 1.0
        self._follow_at_s = math.inf  # when a duty that differs from the seen one is taken over
        self.reset()

    def reset(self) -> None:
        """Back to defaults: nothing wanted, nothing broken. What it knows of the pilot stays."""
        self.s2_closed = False
        self.current_a = 0.0  # per phase, flowing now
        self.phases = 3
        self.soc_percent = 50.0
        self.diode_shorted = False
        self.ventilation = False  # S2 closes to D instead of C
        self._cp_shorted = False
        self._forced_letter = ""
        self._draw = Draw.NONE
        self._wanted_a = 0.0
        self._above_offer_a = 0.0
        self._asleep = False
        self._absent_s = 0.0
        self._open_by_s = math.inf
        self._draw_from_s = math.inf

    def request_power(self, current_a: float, phases: int) -> None:
        """Close S2 while the duty is within 7 to 97 %; take the smaller of current_a and the offer."""
        self._request(Draw.REGULATED, current_a, phases)

    def request_power_fixed(self, current_a: float, phases: int) -> None:
        """Close S2 and take current_a whatever the duty says: an EV that breaks the rules."""
        self._request(Draw.FIXED, current_a, phases)

    def draw_above_offer(self, current_a: float) -> None:
        """Take this much more than the duty allows; 0 ends it."""
        self._above_offer_a = current_a

    def pause(self) -> None:
        """Open S2 at once, stay plugged."""
        self._draw = Draw.NONE
        self._clear_pilot()

    def disconnect(self) -> None:
        """The EV side of the cable is pulled: wants and pilot faults end with it."""
        self.pause()
        self._above_offer_a = 0.0
        self._asleep = False

    def short_cp(self) -> None:
        """Pilot to PE: state E until the next request, pause or unplug."""
        self._forced_letter = ""
        self._cp_shorted = True

    def short_diode(self) -> None:
        self.diode_shorted = True

    def force_cp(self, letter: str) -> None:
        """Pilot at the levels of this letter until the next request, pause or unplug."""
        if letter not in LETTERS:
            raise ValueError(f"cp {letter!r}: expected one of {', '.join(LETTERS)}")
        self._cp_shorted = False
        self._forced_letter = letter

    def fall_asleep(self) -> None:
        """Keep S2 open, whatever is wanted, until the pilot was absent for 3 s."""
        self._asleep = True
        self._absent_s = 0.0

    def set_soc(self, percent: float) -> None:
        self.soc_percent = percent

    def letter(self, plugged: bool) -> str:
        """CP state that EV and cable make."""
        if self._forced_letter:
            return self._forced_letter
        if self._cp_shorted:
            return "E"
        if not plugged:
            return "A"
        if not self.s2_closed:
            return "B"
        return "D" if self.ventilation else "C"

    def step(self, from_s: float, to_s: float, duty: float, plugged: bool, powered: bool) -> None:
        """From from_s to to_s with this duty at the EV; powered: mains at its inlet."""
        if not plugged:
            self._seen_duty, self._follow_at_s = duty, math.inf
            self.s2_closed, self.current_a = False, 0.0
            return
        if duty != self._seen_duty or self._follow_at_s != math.inf:
            self._see(duty, from_s, to_s)
        if self._asleep:
            self._sleep_on(to_s - from_s, duty)
        self._switch_s2(to_s)
        self._ramp(from_s, to_s, powered)

    def _request(self, draw: Draw, current_a: float, phases: int) -> None:
        self._draw = draw
        self._wanted_a = current_a
        self.phases = phases
        self._clear_pilot()

    def _clear_pilot(self) -> None:
        self._cp_shorted = False
        self._forced_letter = ""

    def _reaction_s(self) -> float:
        return self._rng.uniform(*REACTION_S)

    def _see(self, duty: float, from_s: float, to_s: float) -> None:
        if duty == self._seen_duty:
            self._follow_at_s = math.inf
            return
        if self._follow_at_s == math.inf:
            self._follow_at_s = from_s + self._reaction_s()
        if to_s >= self._follow_at_s:
            self._seen_duty = duty
            self._follow_at_s = math.inf

    def _sleep_on(self, step_s: float, duty: float) -> None:
        self._absent_s = self._absent_s + step_s if duty == PILOT_ABSENT_DUTY else 0.0
        self._asleep = self._absent_s < WAKE_S

    def _offered(self) -> bool:
        return DUTY_MIN <= self._seen_duty <= DUTY_MAX

    def _switch_s2(self, to_s: float) -> None:
        if self._draw is Draw.NONE or self._asleep:
            self.s2_closed = False
        elif self._draw is Draw.FIXED or self._offered():
            self.s2_closed = True
            self._open_by_s = math.inf
        elif self.s2_closed:
            self._open_by_s = min(self._open_by_s, to_s + S2_OPEN_BY_S)
            self.s2_closed = self.current_a > 0.0 and to_s < self._open_by_s

    def _ramp(self, from_s: float, to_s: float, powered: bool) -> None:
        if not (self.s2_closed and powered):
            self.current_a = 0.0
            self._draw_from_s = math.inf
            return
        if self._draw_from_s == math.inf:
            self._draw_from_s = from_s + self._reaction_s()
        if to_s < self._draw_from_s:
            return
        target_a = self._target_a()
        if target_a != self.current_a:
            reach_a = RAMP_A_PER_S * (to_s - from_s)
            self.current_a += max(-reach_a, min(reach_a, target_a - self.current_a))

    def _target_a(self) -> float:
        if self._draw is Draw.FIXED:
            return self._wanted_a
        offered_a = offer_a(self._seen_duty)
        if self._above_offer_a and offered_a:
            return offered_a + self._above_offer_a
        return min(self._wanted_a, offered_a)
