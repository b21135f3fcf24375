"""Each error of the service as the class, status, message and headers that LiteLLM needs."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import httpx
import litellm
import pytest
from litellm import exceptions

from litellm_provider.errors import MAKERS, translated
from resayil import errors as core
from resayil.emulator import Emulator

Given = dict[str, Any]
CONTEXT = {"error": {"code": "context_length_exceeded", "message": "maximum context length is 8192 tokens"}}
POLICY = {"error": {"code": "content_policy_violation", "message": "rejected by our safety system"}}
STATUSES: list[tuple[int, Any, tuple[type[Exception], int]]] = [
    (400, None, (exceptions.BadRequestError, 400)),
    (400, CONTEXT, (exceptions.ContextWindowExceededError, 400)),
    (400, POLICY, (exceptions.ContentPolicyViolationError, 400)),
    (401, None, (exceptions.AuthenticationError, 401)),
    (402, None, (exceptions.PaymentRequiredError, 402)),
    (403, None, (exceptions.PermissionDeniedError, 403)),
    (404, None, (exceptions.NotFoundError, 404)),
    (413, None, (exceptions.BadRequestError, 413)),
    (422, None, (exceptions.BadRequestError, 422)),
    (429, None, (exceptions.RateLimitError, 429)),
    (500, None, (exceptions.InternalServerError, 500)),
    (502, None, (exceptions.BadGatewayError, 502)),
    (503, None, (exceptions.ServiceUnavailableError, 503)),
    (504, None, (exceptions.Timeout, 504)),
    (529, None, (exceptions.ServiceUnavailableError, 503)),
]


@pytest.mark.parametrize(("status", "body", "expected"), STATUSES)
@pytest.mark.parametrize("stream", [False, True])
def test_each_status_is_one_class(
    call: Given,
    emulator: Emulator,
    status: int,
    body: Any,
    expected: tuple[type[Exception], int],
    *,
    stream: bool,
) -> None:
    """A status is exactly one class of LiteLLM's, with a real `httpx.Response` and the request's id."""
    kind, seen = expected
    emulator.fault(status, body=body, headers={"retry-after": "7"})
    with pytest.raises(kind) as caught:
        litellm.completion(**call, stream=stream)
    error: Any = caught.value
    assert type(error) is kind
    assert error.status_code == seen
    assert error.litellm_response_headers["retry-after"] == "7"
    assert error.litellm_response_headers["x-request-id"] in str(error)
    if kind is not exceptions.Timeout:
        assert isinstance(error.response, httpx.Response)
        assert error.response.headers["retry-after"] == "7"
    assert error.llm_provider == "resayil"


def test_a_wait_told_in_the_body_becomes_a_header(call: Given, emulator: Emulator) -> None:
    """Where only the body says how long to wait, the Router still finds Retry-After, in whole seconds."""
    emulator.fault(
        429, body={"error": {"code": "rate_limit_exceeded", "message": "slow", "retry_after": 2.2}}
    )
    with pytest.raises(exceptions.RateLimitError) as caught:
        litellm.completion(**call)
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.headers == {"retry-after": "3"}


def test_no_credits_says_where_to_get_some(call: Given, emulator: Emulator) -> None:
    """The 402's message, which reaches end users verbatim, names the page with the plans."""
    emulator.fault(402)
    with pytest.raises(exceptions.PaymentRequiredError, match=r"/billing/plans"):
        litellm.completion(**call)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "stall", "seconds": 5}, exceptions.Timeout),
        ({"kind": "refused"}, exceptions.ServiceUnavailableError),
        ({"kind": "html"}, exceptions.BadGatewayError),
        ({"kind": "html-502"}, exceptions.BadGatewayError),
        ({"kind": "broken-json"}, exceptions.BadGatewayError),
        ({"kind": "empty"}, exceptions.BadGatewayError),
        ({"kind": "error-200"}, exceptions.ServiceUnavailableError),
    ],
)
async def test_what_is_no_reply_can_be_tried_elsewhere(
    call: Given, emulator: Emulator, fault: Given, kind: type[Exception]
) -> None:
    """Broken connections, pages, timeouts and errors under 200 are what a Router tries again."""
    for _ in range(2):
        emulator.fault(**fault)
    with pytest.raises(kind) as caught:
        litellm.completion(**call, timeout=0.3)
    with pytest.raises(kind):
        await litellm.acompletion(**call, timeout=0.3)
    assert "APIConnectionError" not in str(caught.value)


def test_a_dead_host_is_unavailable(call: Given) -> None:
    """Nobody listening is a 503 that names the host, so that the Router goes elsewhere."""
    with pytest.raises(
        exceptions.ServiceUnavailableError, match=r"Could not connect to http://127\.0\.0\.1:9"
    ):
        litellm.completion(**{**call, "api_base": "http://127.0.0.1:9"})


@pytest.mark.parametrize(
    "setup",
    [
        {"api_key": "two words"},
        {"api_base": "http://llmapi.resayil.io/v1"},
        {"read_timeout": -1},
    ],
)
def test_a_misconfigured_deployment_is_not_the_requests_fault(call: Given, setup: Given) -> None:
    """A key, base URL or setting that cannot work is a 401: another deployment may take the call."""
    with pytest.raises(exceptions.AuthenticationError):
        litellm.completion(**{**call, **setup})


def test_without_a_key_the_message_says_what_to_set(call: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key anywhere is an authentication error before anything is sent."""
    for name in ("LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(exceptions.AuthenticationError, match="LLM_RESAYIL_API_KEY"):
        litellm.completion(**{**call, "api_key": None})


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_no_key_no_path_no_traceback(call: Given, emulator: Emulator, status: int, *, stream: bool) -> None:
    """A reply that echoes the key, in body and headers, shows it in no part of LiteLLM's error."""
    key = emulator.add_key("sk-secret-0123456789abcdef", plan="basic")
    echo = {"error": {"code": "x", "message": f"bad key {key}"}, "message": f"Bearer {key}"}
    emulator.fault(status, body=echo, headers={"x-echo": key})
    with pytest.raises(Exception, match="bad key sk-…cdef") as caught:
        litellm.completion(**{**call, "api_key": key}, stream=stream)
    error: Any = caught.value
    shown = f"{error} {error!r} {error.__dict__} {getattr(error, 'response', None) and error.response.text}"
    shown += str(error.litellm_response_headers)
    assert key not in shown
    assert "Traceback" not in shown
    assert ".py" not in str(error)


def test_every_class_of_the_core_is_translated() -> None:
    """The table knows every error of the core, directly or by a base other than the last resort."""
    kinds = [
        kind for kind in vars(core).values() if isinstance(kind, type) and issubclass(kind, core.ResayilError)
    ]
    for kind in kinds:
        nearest = next(base for base in kind.__mro__ if base in MAKERS)
        assert nearest is not core.ResayilError or kind is core.ResayilError
        made = translated(kind("said", status_code=418), "m")
        assert isinstance(made, exceptions.openai.OpenAIError)
        assert "said" in str(made)


async def test_a_dual_error_is_still_what_it_says(call: Given, emulator: Emulator) -> None:
    """Under a Router without fallbacks a stream's context error is what it is, with its status."""
    emulator.fault(400, body=CONTEXT, times=2)
    router = litellm.Router(
        model_list=[
            {"model_name": "chat", "litellm_params": {k: v for k, v in call.items() if k != "messages"}}
        ],
        num_retries=0,
    )
    with pytest.raises(exceptions.ContextWindowExceededError) as caught:
        async for _ in await router.acompletion(model="chat", messages=call["messages"], stream=True):
            pass
    assert caught.value.status_code == 400
    assert "maximum context length" in str(caught.value)


def test_errors_survive_where_pickles_go(raised: Callable[[], Exception]) -> None:
    """The core's error behind LiteLLM's pickles; LiteLLM's own classes do not, which is theirs to change."""
    cause = raised().__cause__
    assert isinstance(cause, core.RateLimitError)
    assert str(pickle.loads(pickle.dumps(cause))) == str(cause)  # noqa: S301 - our own


@pytest.fixture
def raised(call: Given, emulator: Emulator) -> Callable[[], Exception]:
    """Raises and gives back an error."""

    def fail() -> Exception:
        emulator.fault(429)
        with pytest.raises(exceptions.RateLimitError) as caught:
            litellm.completion(**call)
        return caught.value

    return fail
