"""Law 6: a flow, driven by hand, sends no more than it may, waits no longer than it may, and never twice."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from core.support import KEY, MODEL, FakeClock
from hypothesis import given
from hypothesis import strategies as st
from laws.flows import CALLED, JSON, STREAMED, Outcome, Run, calls_of, drive

from resayil import ChatRequest, ResayilError, StreamInterruptedError, user
from resayil.calls import Opened
from resayil.effects import Acquire, Close, CloseWindow, Effect, GiveBack, Head, Read, Send, Sleep, Wait
from resayil.flow import Flow
from resayil.limits import NOW, Place, Refused
from resayil.retry import LATER


@st.composite
def cases(draw: st.DrawFn, outcomes: dict[str, Outcome]) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """Settings, and a script of outcomes."""
    settings = {
        "max_retries": draw(st.integers(0, 6)),
        "retry_budget": draw(st.sampled_from((0.0, 5.0, 120.0, 10_000.0, 200_000.0))),
        "deadline": draw(st.none() | st.sampled_from((0.5, 30.0, 400.0))),
        "resend_after_timeout": draw(st.booleans()),
        "unhinted_429": draw(st.sampled_from(("minute", "backoff"))),
    }
    step = st.tuples(st.sampled_from(sorted(outcomes)), st.sampled_from((0.0, 0.1, 3.0, 61.0, 300.0)))
    resent = st.tuples(
        st.sampled_from([name for name in sorted(outcomes) if outcomes[name].resend in {"yes", "three"}]),
        st.sampled_from((0.0, 0.1, 1.0)),
    )
    return settings, [*draw(st.lists(resent, max_size=5)), draw(step)]


def _allowed(settings: dict[str, Any], outcomes: list[Outcome]) -> bool:
    """Whether another attempt may follow these."""
    match outcomes[-1].resend:
        case "yes":
            return True
        case "three":
            return len(outcomes) < 3
        case "after timeout":
            return bool(settings["resend_after_timeout"]) and len(outcomes) < 3
    return False


def _assert_lawful(run: Run, settings: dict[str, Any]) -> None:
    sends = run.of(Send)
    assert len(sends) <= settings["max_retries"] + 1
    slots = run.of(Acquire)
    assert len({slot.identity for slot in slots}) == len(slots)
    kinds = [type(effect) for _, effect in run.effects if isinstance(effect, Acquire | Send)]
    assert kinds == [Acquire, Send] * len(sends) or kinds == [Acquire, Send] * len(sends) + [Acquire]
    began = run.effects[0][0]
    for number, (at, effect) in enumerate([found for found in run.effects if isinstance(found[1], Send)]):
        assert isinstance(effect, Send)
        if number:
            assert at - began <= settings["retry_budget"]
            assert _allowed(settings, run.ended[:number])
        if settings["deadline"] is not None:
            assert at - began < settings["deadline"]
            assert effect.read_timeout <= settings["deadline"] - (at - began)
        assert effect.read_timeout <= 300
    assert sum(sleep.seconds for sleep in run.of(Sleep)) <= settings["retry_budget"]
    assert len({send.headers["idempotency-key"] for send in sends}) <= 1
    assert len({send.body for send in sends}) <= 1
    assert not any(KEY in str(effect) for _, effect in run.effects)
    closes = [at for at, effect in enumerate(run.effects) if isinstance(effect[1], Close)]
    assert len(closes) >= len(sends) - 1


@given(cases(CALLED), st.floats(0, 1))
def test_calls_are_lawful(case: tuple[dict[str, Any], list[tuple[str, float]]], jitter: float) -> None:
    """A call never sends what may not be sent, nor after its budget, its deadline or its answer."""
    settings, names = case
    clock = FakeClock()
    clock.jitter = jitter
    request = ChatRequest(MODEL, (user("سؤال"),))
    run = drive(calls_of(clock, **settings).chat(request, {}), [(CALLED[n], t) for n, t in names], clock)
    _assert_lawful(run, settings)
    _assert_accounted(run)
    if run.result is not None:
        assert run.ended[-1].resend == "answer"
        assert run.result.attempts == len(run.ended)


@given(cases(STREAMED), st.floats(0, 1))
def test_streams_are_lawful(case: tuple[dict[str, Any], list[tuple[str, float]]], jitter: float) -> None:
    """A stream is opened by the same rules, and never sent again once an event has come."""
    settings, names = case
    clock = FakeClock()
    clock.jitter = jitter
    request = ChatRequest(MODEL, (user("سؤال"),))
    run = drive(calls_of(clock, **settings).stream(request, {}), [(STREAMED[n], t) for n, t in names], clock)
    _assert_lawful(run, settings)
    _assert_accounted(run)
    if run.result is not None:
        assert isinstance(run.result, Opened)
        assert run.ended[-1].resend == "answer"


def _assert_accounted(run: Run) -> None:
    """Attempts and possible charges are told as they were."""
    told = run.error or run.result
    if isinstance(told, Opened):
        return
    if isinstance(told, ResayilError):
        assert told.attempts == len(run.ended)
        late = getattr(told, "phase", "") == "deadline"
        assert told.maybe_billed - sum(outcome.billed for outcome in run.ended) in ({0, 1} if late else {0})
    else:
        assert told.maybe_billed == sum(outcome.billed for outcome in run.ended[:-1])


@pytest.mark.parametrize("name", sorted(CALLED))
def test_each_outcome_is_sent_again_or_not(name: str) -> None:
    """With time and retries to spare, exactly what may be sent again is, as often as it may."""
    clock = FakeClock()
    calls = calls_of(clock, max_retries=4, retry_budget=10**9)
    run = drive(calls.chat(ChatRequest(MODEL, (user("س"),)), {}), [(CALLED[name], 0.0)], clock)
    expected = {"yes": 5, "three": 3, "after timeout": 1, "never": 1, "answer": 1}
    assert len(run.of(Send)) == expected[CALLED[name].resend]


@pytest.mark.parametrize("name", sorted(STREAMED))
def test_each_stream_outcome_is_sent_again_or_not(name: str) -> None:
    """The same for streams; whatever follows the first event ends the call."""
    clock = FakeClock()
    calls = calls_of(clock, max_retries=4, retry_budget=10**9)
    run = drive(calls.stream(ChatRequest(MODEL, (user("س"),)), {}), [(STREAMED[name], 0.0)], clock)
    expected = {"yes": 5, "three": 3, "after timeout": 1, "never": 1, "answer": 1}
    assert len(run.of(Send)) == expected[STREAMED[name].resend]


def test_timeouts_are_sent_again_only_when_opted_in() -> None:
    """``resend_after_timeout`` allows three attempts in all, each one counted as possibly charged."""
    clock = FakeClock()
    calls = calls_of(clock, max_retries=9, retry_budget=10**9, resend_after_timeout=True)
    run = drive(calls.chat(ChatRequest(MODEL, (user("س"),)), {}), [(CALLED["read timeout"], 0.0)], clock)
    assert len(run.of(Send)) == 3
    assert run.error is not None
    assert run.error.maybe_billed == 3


@pytest.mark.parametrize(
    ("name", "settings", "waits"),
    [
        ("429", {}, [40.5, 60.0]),
        ("429", {"unhinted_429": "backoff"}, [1.125, 2.25]),
        ("503", {}, [1.125, 2.25]),
        ("429 with a hint", {}, [7.0 + LATER, 7.0 + LATER]),
        ("kept-alive socket closed", {}, [0.0, 0.0]),
        ("429 with a long hint", {}, []),
    ],
)
def test_waits(name: str, settings: dict[str, Any], waits: list[float]) -> None:
    """A 429 waits as told, else for the next minute or by doubling; other failures by doubling from 1 s."""
    clock = FakeClock(wall=60 * 10**7 + 20)
    calls = calls_of(clock, **settings)
    run = drive(calls.chat(ChatRequest(MODEL, (user("س"),)), {}), [(CALLED[name], 0.0)], clock)
    assert [sleep.seconds for sleep in run.of(Sleep)] == pytest.approx(waits)


SLOTS = (NOW, Place(3.0, 1), Place(40.0, 2), Place(5.0, 0, check=1.0), Refused(7.0))


@given(
    st.lists(st.sampled_from(SLOTS), max_size=8),
    st.lists(st.sampled_from(("503", "429", "answer")), min_size=1, max_size=4),
    st.sampled_from((0.0, 50.0, 300.0)),
)
def test_slots_are_lawful(slots: list[Place | Refused], names: list[str], most: float) -> None:
    """Nothing is sent without a slot that is due, each wait asks again, and a refusal ends the call."""
    clock, given_slots = FakeClock(), iter(slots)
    flow = calls_of(clock, limit_max_wait=most, retry_budget=10**6).chat(ChatRequest(MODEL, (user("س"),)), {})
    told: list[tuple[Effect, Any]] = []

    def slot(effect: Acquire) -> Place | Refused:
        place = next(given_slots, NOW)
        return Refused(place.wait) if isinstance(place, Place) and place.wait > effect.max_wait else place

    run = drive(flow, [(CALLED[name], 0.0) for name in names], clock, slot, told)
    asked = [(effect, outcome) for effect, outcome in told if isinstance(effect, Acquire | Wait | Send)]
    assert isinstance(asked[0][0], Acquire)
    for (before, outcome), (effect, _) in pairwise(asked):
        match before:
            case Acquire():
                assert isinstance(outcome, Place)
                assert isinstance(effect, Wait if outcome.wait else Send)
            case Wait() | Send():
                assert isinstance(effect, Acquire)
    refused = any(isinstance(outcome, Refused) for _, outcome in told)
    assert refused == isinstance(asked[-1][1], Refused)
    if refused and not run.of(Send):
        assert type(run.error).__name__ == "LocalRateLimitError"
        assert run.error is not None
        assert run.error.attempts == 0
    elif refused:
        assert type(run.error).__name__ in {"OverloadedError", "RateLimitError"}
    waited = sum(wait.seconds for wait in run.of(Wait))
    assert waited <= most * (len(run.of(Send)) + 1)
    limited = [outcome for outcome in run.ended if outcome is CALLED["429"]]
    assert len(run.of(CloseWindow)) == len(limited)
    assert not run.of(GiveBack)


def test_no_retry_storm_against_a_dead_gateway() -> None:
    """Fifty calls of one client against a dead gateway make fewer than 75 attempts; success earns more."""
    clock = FakeClock()
    calls = calls_of(clock)
    request = ChatRequest(MODEL, (user("س"),))
    runs = [drive(calls.chat(request, {}), [(CALLED["503"], 0.0)], clock) for _ in range(50)]
    assert sum(len(run.of(Send)) for run in runs) < 75
    for _ in range(2):
        drive(calls.chat(request, {}), [(CALLED["answer"], 0.0)], clock)
    again = drive(calls.chat(request, {}), [(CALLED["503"], 0.0), (CALLED["answer"], 0.0)], clock)
    assert again.result is not None


def test_waiting_for_the_window_costs_no_quota() -> None:
    """A 429 is no sign of trouble: waiting for it never uses up the retries of others."""
    clock = FakeClock()
    calls = calls_of(clock)
    request = ChatRequest(MODEL, (user("س"),))
    for _ in range(30):
        run = drive(calls.chat(request, {}), [(CALLED["429"], 0.0), (CALLED["answer"], 0.0)], clock)
        assert run.result is not None


def test_a_slow_body_meets_the_deadline() -> None:
    """The deadline also ends a reply that dribbles without ever falling silent."""
    clock = FakeClock()
    flow = calls_of(clock, deadline=10.0).chat(ChatRequest(MODEL, (user("س"),)), {})
    error = _dribble(flow, clock)
    assert getattr(error, "phase", "") == "deadline"
    assert clock.now - 1000 <= 12


def _dribble(flow: Flow[Any], clock: FakeClock) -> ResayilError | None:
    sent: Any = None
    try:
        while True:
            effect = flow.send(sent)
            clock.now += 1.0 if isinstance(effect, Read) else 0.0
            sent = Head(200, JSON) if isinstance(effect, Send) else b"x" if isinstance(effect, Read) else NOW
    except ResayilError as error:
        return error


def test_an_interrupt_goes_through_the_flow() -> None:
    """Ctrl-C is never retried and never turned into another error."""
    flow = calls_of(FakeClock()).chat(ChatRequest(MODEL, (user("س"),)), {})
    assert isinstance(flow.send(None), Acquire)
    assert isinstance(flow.send(NOW), Send)
    with pytest.raises(KeyboardInterrupt):
        flow.throw(KeyboardInterrupt())


def test_a_stream_cut_after_text_is_interrupted() -> None:
    """The flow has ended with the first event: what follows is told with everything that came."""
    clock = FakeClock()
    flow = calls_of(clock).stream(ChatRequest(MODEL, (user("س"),)), {})
    run = drive(flow, [(STREAMED["error in one piece with text"], 0.0)], clock)
    assert run.result.error.partial_text == "م"
    run.result.take()
    with pytest.raises(StreamInterruptedError):
        run.result.take()


def test_requests_without_a_body_carry_no_idempotency_key() -> None:
    """Only what may be charged is marked against being charged twice."""
    clock = FakeClock()
    models = Outcome(Head(200, JSON), "answer", pieces=(b'{"data":[]}',))
    run = drive(calls_of(clock).models(), [(models, 0.0)], clock)
    assert run.result == []
    assert "idempotency-key" not in run.of(Send)[0].headers
