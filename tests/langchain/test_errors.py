"""Errors are the core's and LangChain's at once, and carry everything."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core import exceptions as lc
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

import resayil
from langchain_resayil import ChatResayil
from langchain_resayil.errors import TRANSLATED, langchain_errors, translated
from resayil.emulator import Emulator
from resayil.errors import ErrorResponse, ResayilError

STATUSES = [
    (400, resayil.BadRequestError, lc.ModelInvalidRequestError),
    (401, resayil.AuthenticationError, lc.ModelAuthenticationError),
    (402, resayil.InsufficientCreditsError, lc.ModelError),
    (403, resayil.PermissionDeniedError, lc.ModelPermissionDeniedError),
    (404, resayil.NotFoundError, lc.ModelNotFoundError),
    (413, resayil.RequestTooLargeError, lc.ModelInvalidRequestError),
    (422, resayil.BadRequestError, lc.ModelInvalidRequestError),
    (429, resayil.RateLimitError, lc.ModelRateLimitError),
    (500, resayil.InternalServerError, lc.ModelAPIError),
    (502, resayil.InternalServerError, lc.ModelAPIError),
    (503, resayil.OverloadedError, lc.ModelAPIError),
    (529, resayil.OverloadedError, lc.ModelAPIError),
]
CLASSES = sorted(TRANSLATED, key=str)
RETRYABLE = {429, 500, 502, 503, 529}


def every_class(root: type[ResayilError]) -> set[type[ResayilError]]:
    """A class and all below it in the core."""
    return {
        root,
        *(
            below
            for kind in root.__subclasses__()
            if kind.__module__ == root.__module__
            for below in every_class(kind)
        ),
    }


def test_no_class_of_the_core_is_left_out() -> None:
    """Each class of the core's tree has one class that is LangChain's too, of the same name."""
    assert set(TRANSLATED) == every_class(ResayilError)
    for core, both in TRANSLATED.items():
        assert issubclass(both, core)
        assert issubclass(both, lc.ModelError)
        assert both.__name__ == core.__name__


@pytest.mark.parametrize("core", CLASSES)
def test_both_agree_whether_to_retry(core: type[ResayilError]) -> None:
    """LangChain's `is_retryable` says what the core's `retryable` says."""
    assert translated(core("x")).is_retryable is core.retryable  # type: ignore[attr-defined] # LangChain's half


@pytest.mark.parametrize("core", CLASSES)
def test_an_error_carries_everything_and_pickles(core: type[ResayilError]) -> None:
    """Nothing is lost on the way to LangChain, nor in a pickle."""
    error = core(
        "why", code="c", retry_after=3.0, response=ErrorResponse(429, {"x-request-id": "req_1"}, b"{}")
    )
    error.attempts, error.maybe_billed, error.partial_text = 2, 1, "جزء"
    both = translated(error)
    for copy in (both, pickle.loads(pickle.dumps(both))):  # noqa: S301 - pickled right here
        assert type(copy) is TRANSLATED[core]
        assert copy.__dict__ == error.__dict__
        assert str(copy) == "why"
        assert copy.request_id == "req_1"


def test_a_class_made_elsewhere_is_translated_by_its_nearest_kin() -> None:
    """A subclass of the core's classes that this table does not know still arrives as LangChain's."""

    class OwnLimitError(resayil.RateLimitError):
        pass

    assert type(translated(OwnLimitError("x"))) is TRANSLATED[resayil.RateLimitError]


@pytest.mark.parametrize(("status", "core", "langchain"), STATUSES)
def test_every_status_has_its_class(
    make_model: Callable[..., ChatResayil],
    emulator: Emulator,
    status: int,
    core: type[ResayilError],
    langchain: type[lc.ModelError],
) -> None:
    """A status arrives as the core's class and LangChain's, retryable or not, by call and by stream."""
    emulator.fault(status, times=2)
    model = make_model(max_retries=0)
    for call in (lambda: model.invoke("x"), lambda: list(model.stream("x"))):
        with pytest.raises(langchain) as caught:
            call()
        error = caught.value
        assert isinstance(error, core)
        assert error.is_retryable is (status in RETRYABLE)
        assert error.response is not None
        assert error.response.status_code == status
        assert emulator.key not in repr(error) + str(vars(error))


async def test_asynchronous_calls_raise_the_same(
    make_model: Callable[..., ChatResayil], emulator: Emulator
) -> None:
    """The asynchronous methods translate errors too."""
    model = make_model(max_retries=0)
    for call in (lambda: model.ainvoke("x"), lambda: anext(model.astream("x"))):
        emulator.fault(402)
        with pytest.raises(lc.ModelError) as caught:
            await call()
        assert isinstance(caught.value, resayil.InsufficientCreditsError)


def test_an_overflowing_prompt_is_told_as_such(make_model: Callable[..., ChatResayil]) -> None:
    """LangChain's summarising middleware recognises a prompt that is too long."""
    with pytest.raises(lc.ContextOverflowError) as caught:
        make_model(model="llama3.2:3b", max_retries=0).invoke("كلمة " * 20_000)
    assert isinstance(caught.value, resayil.ContextOverflowError)


def test_no_key_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key a model can be made; its first call says which variable to set, and is not retryable."""
    monkeypatch.delenv("LLM_RESAYIL_API_KEY", raising=False)
    monkeypatch.delenv("RESAYIL_API_KEY", raising=False)
    model = ChatResayil(model="mistral")
    with pytest.raises(lc.ModelError, match="LLM_RESAYIL_API_KEY") as caught:
        model.invoke("x")
    assert isinstance(caught.value, resayil.ConfigurationError)
    assert not caught.value.is_retryable


@pytest.mark.parametrize(("status", "sent"), [(402, 1), (503, 3)])
def test_retry_middleware_does_not_pay_twice(
    make_model: Callable[..., ChatResayil], emulator: Emulator, status: int, sent: int
) -> None:
    """LangChain's own retry leaves 402 alone and asks again after 503."""
    emulator.fault(status, times=5)
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False, on_failure="error")
    agent: Any = create_agent(make_model(max_retries=0), tools=[], middleware=[retry])
    with pytest.raises(lc.ModelError):
        agent.invoke({"messages": [("user", "x")]})
    assert len(emulator.requests) == sent


def test_a_trace_gets_the_reply(make_model: Callable[..., ChatResayil], emulator: Emulator) -> None:
    """What LangChain's tracing reads of an error is there: body, status, request id."""

    class Failed(BaseCallbackHandler):
        seen: LLMResult | None = None

        def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:  # noqa: ARG002 - LangChain's hook
            self.seen = kwargs["response"]

    failed = Failed()
    emulator.fault(429)
    with pytest.raises(lc.ModelRateLimitError):
        list(make_model(max_retries=0).stream("x", config={"callbacks": [failed]}))
    assert failed.seen is not None
    metadata = failed.seen.generations[0][0].message.response_metadata  # type: ignore[union-attr] # a chat generation
    assert metadata["status_code"] == 429
    assert metadata["body"]["error"]["code"] == "rate_limit_exceeded"
    assert metadata["request_id"]


def test_other_errors_pass_unchanged() -> None:
    """Only the pack's own errors are translated."""
    with pytest.raises(KeyError), langchain_errors():
        raise KeyError("x")
