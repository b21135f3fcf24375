"""The arithmetic of a window: never more than N, first come first served, and nobody waits for nothing."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resayil.limits import INCIDENT, LATE, MARGIN, Place, Plan, Quota, Refused

QUICK = settings(max_examples=80, deadline=None)


@dataclass
class Caller:
    """One request of the simulation: when it comes, how late it wakes, how long it waits before it leaves."""

    comes: float
    late: float = 0.0
    leaves: float | None = None
    max_wait: float = 10_000.0


@dataclass
class Simulation:
    """Callers on one plan in virtual time, each asking as a client does."""

    quota: Quota
    plan: Plan = field(default_factory=Plan)
    sent: list[tuple[float, int]] = field(default_factory=list)
    waited: dict[int, float] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)

    def run(self, callers: list[Caller], closures: list[tuple[float, float]] = ()) -> None:  # type: ignore[assignment] # no closures
        """Play everything to its end."""
        events: list[tuple[float, int, str, float]] = []
        for number, caller in enumerate(callers):
            heapq.heappush(events, (caller.comes, number, "ask", 0.0))
        for at, seconds in closures:
            heapq.heappush(events, (at, -1, "close", seconds))
        while events:
            now, number, kind, seconds = heapq.heappop(events)
            if kind == "close":
                self.plan.close(self.quota, now, seconds)
                continue
            caller = callers[number]
            if kind == "leave":
                self.plan.give_back(str(number))
                continue
            place = self.plan.ask(self.quota, str(number), now, caller.max_wait - (now - caller.comes))
            if isinstance(place, Refused):
                self.refused.append(number)
            elif place.wait == 0:
                self.sent.append((now, number))
                self.waited[number] = now - caller.comes
            elif caller.leaves is not None and now + place.wait > caller.comes + caller.leaves:
                heapq.heappush(events, (max(now, caller.comes + caller.leaves), number, "leave", 0.0))
            elif place.wait > self.quota.window:  # once in each window, as a client does
                check = min(place.wait - self.quota.window, self.quota.window)
                heapq.heappush(events, (now + check, number, "ask", 0.0))
            else:
                heapq.heappush(events, (now + place.wait + caller.late, number, "ask", 0.0))
                caller.late = 0.0  # a machine sleeps once

    def fullest(self, window: float) -> int:
        """The most requests in any window that begins with one of them."""
        times = sorted(at for at, _ in self.sent)
        return max((sum(start <= at < start + window for at in times) for start in times), default=0)


quotas = st.builds(
    Quota,
    requests=st.integers(1, 6),
    window=st.sampled_from((1.0, 2.0, 60.0)),
    margin=st.none() | st.sampled_from((0.0, 0.3)),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Caller]:
    """Callers that come in bursts and pauses, some waking late, some leaving early."""
    now, found = 0.0, []
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from((0.0, 0.0, 0.01, 0.3, 1.0, 2.1, 61.0)))
        late = draw(st.sampled_from((0.0, 0.0, 0.001, 0.2, 1.5, 70.0)))
        leaves = draw(st.none() | st.sampled_from((0.0, 0.5, 3.0, 90.0)))
        found.append(Caller(now, late, leaves))
    return found


@QUICK
@given(quotas, crowds(), st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 80)), max_size=4))
def test_never_more_than_n_in_any_window(
    quota: Quota, callers: list[Caller], closures: list[tuple[float, float]]
) -> None:
    """Whatever comes, leaves, wakes late or is closed: no window, margin included, holds more than N."""
    simulation = Simulation(quota)
    simulation.run(callers, closures)
    span = quota.window + (MARGIN if quota.margin is None else quota.margin)
    assert simulation.fullest(span - quota.late - 1e-6) <= quota.requests
    assert len(simulation.sent) >= sum(caller.leaves is None for caller in callers)


@QUICK
@given(quotas, crowds(), st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 80)), max_size=3))
def test_first_come_first_served(
    quota: Quota, callers: list[Caller], closures: list[tuple[float, float]]
) -> None:
    """Who wakes on time and stays is served in the order of coming, closures or not."""
    simulation = Simulation(quota)
    simulation.run([Caller(caller.comes) for caller in callers], closures)
    served = sorted(
        (round(at, 6), number) for at, number in simulation.sent
    )  # equal moments, to the rounding
    assert [number for _, number in served] == list(range(len(callers)))


@QUICK
@given(quotas, crowds())
def test_who_leaves_lets_nobody_overtake(quota: Quota, callers: list[Caller]) -> None:
    """Where some leave the queue, who stays is served at most a window after anybody who came later."""
    simulation = Simulation(quota)
    simulation.run([Caller(caller.comes, leaves=caller.leaves) for caller in callers])
    span = quota.window + (MARGIN if quota.margin is None else quota.margin)
    first = math.inf
    for at, _ in sorted(simulation.sent, key=lambda sent: -sent[1]):
        assert at <= first + span + 1e-6
        first = min(first, at)


@QUICK
@given(quotas, crowds())
def test_nobody_waits_longer_than_the_queue_before(quota: Quota, callers: list[Caller]) -> None:
    """A wait is at most one window more than those before it need."""
    simulation = Simulation(quota)
    simulation.run([Caller(caller.comes) for caller in callers])
    span = quota.window + (MARGIN if quota.margin is None else quota.margin)
    for number, waited in simulation.waited.items():
        came = callers[number].comes
        queue = sum(at > came for at, other in simulation.sent if other < number)
        assert waited <= (queue // quota.requests + 1) * span + 1e-6


@QUICK
@given(quotas, st.integers(1, 30))
def test_the_window_is_used_up(quota: Quota, rounds: int) -> None:
    """Under constant demand every window passes exactly N: the limit costs the margin and nothing else."""
    simulation = Simulation(quota)
    simulation.run([Caller(0.0) for _ in range(quota.requests * rounds)])
    span = quota.window + (MARGIN if quota.margin is None else quota.margin)
    assert max(at for at, _ in simulation.sent) == pytest.approx((rounds - 1) * span)


def test_a_refused_caller_leaves_nothing() -> None:
    """A wait that is too long is told, and the place stays free for the next."""
    plan, quota = Plan(), Quota(1, 10, 0)
    assert plan.ask(quota, "a", 0.0, 0.0) == Place(0.0)
    assert plan.ask(quota, "b", 1.0, 8.9) == Refused(9.0)
    assert plan.ask(quota, "c", 1.0, 9.0) == Place(9.0)


def test_a_place_given_back_goes_to_the_next() -> None:
    """Who leaves the queue makes room for the first behind him, not for who comes next."""
    plan, quota = Plan(), Quota(1, 10, 0)
    for name in "abc":
        plan.ask(quota, name, 0.0, 100)
    plan.give_back("b")
    plan.give_back("b")
    plan.give_back("unknown")
    assert plan.ask(quota, "d", 1.0, 100) == Place(19.0, 1)
    assert plan.ask(quota, "c", 1.0, 100) == Place(9.0)
    assert plan.ask(quota, "e", 1.0, 100) == Place(29.0, 2)


def test_a_request_that_was_not_sent_makes_room_at_once() -> None:
    """Cancelled with its slot in hand: the head of the queue may go, the others move up, the limit holds."""
    plan, quota = Plan(), Quota(2, 10, 0)
    for name in "abcdef":
        plan.ask(quota, name, 0.0, 100)
    plan.give_back("b")
    waits = [plan.ask(quota, name, 4.0, 100).wait for name in "cdef"]  # type: ignore[union-attr] # places
    assert waits == [0, 6, 10, 16]
    plan.close(quota, 5.0, 30.0)
    plan.give_back("c")
    assert plan.ask(quota, "d", 5.0, 100).wait == 30.0  # type: ignore[union-attr] # not refused
    assert plan.ask(quota, "f", 5.0, 100).wait == 40.0  # type: ignore[union-attr] # not refused


def test_a_closed_window_moves_everybody() -> None:
    """A 429 holds the queue back; who asks again learns his new moment, and too long is refused then."""
    plan, quota = Plan(), Quota(2, 10, 0)
    for name in "abcd":
        plan.ask(quota, name, 0.0, 100)
    plan.close(quota, 1.0, 30.0)
    assert plan.ask(quota, "c", 10.0, 100) == Place(21.0, 1)
    assert plan.ask(quota, "e", 10.0, 100) == Place(31.0, 2)
    assert plan.ask(quota, "d", 10.0, 5.0) == Refused(21.0)
    assert plan.ask(quota, "e", 10.0, 100) == Place(21.0, 1)
    assert plan.ask(quota, "d", 10.0, 100) == Place(31.0, 2)


def test_a_request_that_goes_out_late_counts_from_then() -> None:
    """A sleeper who wakes late moves those behind him, so that the service sees no crowd."""
    plan, quota = Plan(), Quota(1, 10, 0.4)
    plan.ask(quota, "a", 0.0, 100)
    plan.ask(quota, "b", 0.0, 100)
    assert plan.ask(quota, "a", 4.0, 100) == Place(0.0)
    assert plan.ask(quota, "b", 10.4, 100).wait == pytest.approx(4.0)  # type: ignore[union-attr] # a place
    on_time = Plan()
    on_time.ask(quota, "a", 0.0, 100)
    on_time.ask(quota, "a", 0.9 * LATE * 0.4, 100)
    assert on_time.ask(quota, "b", 1.0, 100) == Place(pytest.approx(9.4), 0)


def test_who_slept_past_a_window_asks_anew() -> None:
    """A place older than its window is no place any more."""
    plan, quota = Plan(), Quota(1, 10, 0)
    plan.ask(quota, "a", 0.0, 100)
    plan.ask(quota, "b", 11.0, 100)
    assert plan.ask(quota, "a", 12.0, 100) == Place(9.0)


def test_the_margin_doubles_with_each_incident_and_calms_down() -> None:
    """Several 429s at once are one incident; quiet windows take the margin back to half a second."""
    plan, quota = Plan(), Quota(1, 60)
    assert plan.span(quota, 1000.0) == 60.5
    for _ in range(5):
        plan.close(quota, 1000.0, 1.0)
    assert plan.span(quota, 1000.0) == 61.0
    plan.close(quota, 1000.0 + INCIDENT * 60, 1.0)
    assert plan.span(quota, 1006.0) == pytest.approx(61.98, abs=0.03)
    assert plan.span(quota, 1006.0 + 300) == pytest.approx(60.99, abs=0.03)
    assert plan.span(quota, 1006.0 + 3000) == 60.5
    for n in range(50):
        plan.close(quota, 2000.0 + 60 * n, 1.0)
    assert plan.span(quota, 5000.0) <= 120
    assert plan.span(Quota(1, 60, 0.3), 5000.0) == 60.3


def test_a_smaller_limit_holds_for_those_who_wait() -> None:
    """When the service names a smaller limit, the queue is ordered anew."""
    plan = Plan()
    for n in range(6):
        plan.ask(Quota(3, 10, 0), str(n), 0.0, 100)
    plan.ask(Quota(1, 10, 0), "new", 1.0, 1000)
    waits = [plan.ask(Quota(1, 10, 0), str(n), 1.0, 1000).wait for n in (3, 4, 5)]  # type: ignore[union-attr] # places
    assert waits == [9.0, 19.0, 29.0]


def test_requests_without_a_place_are_counted() -> None:
    """What went out while the store was gone takes room in the window."""
    plan, quota = Plan(), Quota(2, 10, 0)
    plan.add(quota, 0.0, 2)
    assert plan.ask(quota, "a", 1.0, 100) == Place(9.0)
    assert plan.sent(quota, 1.0) == 2
