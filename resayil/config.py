"""Settings: the key, the base URL, the clocks, the bounds, and how to adapt.

Everything is checked before the first byte is sent, and nothing that is shown holds the key.
"""

from __future__ import annotations

import ipaddress
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypedDict
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from resayil.codecs.anthropic import DEFAULT_MAX_TOKENS
from resayil.credits import Budget, CreditPolicy
from resayil.errors import ConfigurationError, without_frames
from resayil.images import MAX_IMAGE_BYTES
from resayil.limits import PLANS, WINDOW
from resayil.messages import ReasoningReplay
from resayil.models import bare
from resayil.sse import MAX_EVENT_BYTES

DEFAULT_BASE_URL = "https://llmapi.resayil.io/v1"
"""No proxy in front, no buffering (getting started; Messages API page)."""

KEY_VARIABLES = ("LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY")
BASE_URL_VARIABLE = "RESAYIL_BASE_URL"
ALLOW_HTTP_VARIABLE = "RESAYIL_ALLOW_HTTP"
PLAN_VARIABLE = "RESAYIL_PLAN"
LIMIT_STORAGE_VARIABLE = "RESAYIL_LIMIT_STORAGE"
LEDGER_VARIABLE = "RESAYIL_LEDGER"
CAPABILITIES_VARIABLE = "RESAYIL_CAPABILITIES"

_WHATSAPP_HOST = "api.resayil.io"
_ENDPOINT = re.compile(r"/(?:chat/completions|messages(?:/count_tokens)?|models)$")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset(
    {"authorization", "x-api-key", "host", "content-length", "transfer-encoding", "content-type"}
)

API = Literal["auto", "chat", "messages"]
ReplayPolicy = ReasoningReplay | Mapping[str, ReasoningReplay]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Plan = Literal["starter", "basic", "pro", "enterprise"]
RequestsPerMinute = Literal["auto"] | Plan | Annotated[int, Field(ge=1)] | None


class ResayilWarning(UserWarning):
    """Something a user should know and can change; the call goes on."""


class Settings(BaseModel):
    """How a client behaves.

    Attributes:
        api_key: The key; from ``LLM_RESAYIL_API_KEY`` or ``RESAYIL_API_KEY`` by default.
        base_url: Any form of the service's address; normalised to end in ``/v1`` or ``/api/v1``.
        api: Dialect; ``auto`` is the chat dialect, which can say everything.
        connect_timeout: Seconds until a connection stands.
        read_timeout: Seconds of silence on the wire.
        gap_timeout: Seconds without content in a stream; keep-alive pings do not count.
        deadline: Seconds for a whole call, attempts, waits and stream included; none by default.
        max_retries: Attempts after the first.
        retry_budget: Seconds after which no attempt starts any more.
        resend_after_timeout: Send again after a timeout, at the risk of paying twice.
        unhinted_429: Wait for the next minute, or by doubling, where a 429 does not say how long.
        tool_result_style: Native tool turns, plain text, or native with a fallback to text.
        history_images: Images in the history of a model that does not see: refuse, send, or note.
        vision_model: The model that answers while the newest user turn holds an image.
        reasoning_replay: Whether reasoning in the history is sent back; also by model, ``*`` for all others.
        default_max_tokens: ``max_tokens`` of the messages dialect where a call sets none.
        stream_usage: Ask for usage in chat streams.
        allow_images_on_messages: Send images on the messages dialect although the documents reject them.
        requests_per_minute: The key's limit: a number, the plan's name, ``None`` for no limit, or ``auto``:
            10 on the service's hosts until its headers name another, none elsewhere. ``RESAYIL_PLAN``.
        limit_storage: Where the limit is counted: in this process' ``memory``, in ``file:PATH`` for the
            processes of a machine, in ``redis://HOST:PORT`` for several machines. ``RESAYIL_LIMIT_STORAGE``.
        limit_window: Seconds of the limit's rolling window.
        limit_margin: Seconds added to the window; ``None`` adapts it to what the service refuses.
        limit_max_wait: Seconds that a request may wait for its turn; ``None`` is without bound.
        limit_processes: Processes expected to share the key; each gets its share while the storage is gone.
        limit_when_gone: ``share`` as above, or ``refuse``: nothing is sent until the storage is back.
        credit_policy: How tokens become credits.
        budgets: Credits that may be spent, kept where the limit is (``limit_storage``).
        assumed_output: Tokens of an answer that a budget reckons with where a call sets no ``max_tokens``.
        ledger: SQLite file into which each call is written, without what was said. ``RESAYIL_LEDGER``.
        capabilities: File of what servers were found to understand, written by ``resayil doctor`` and read
            when it is first needed. ``RESAYIL_CAPABILITIES``.
        max_image_bytes: Largest image, in bytes.
        max_body_bytes: Largest decoded reply, in bytes.
        max_error_bytes: Largest error body that is read, in bytes.
        max_event_bytes: Largest event of a stream, in bytes.
        max_connections: Connections that a client holds at once.
        allow_http: Permit ``http://`` to hosts other than this machine.
        extra_headers: Headers of every request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr
    base_url: str = DEFAULT_BASE_URL
    api: API = "auto"
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 300.0
    gap_timeout: Seconds = 300.0
    deadline: Seconds | None = None
    max_retries: Annotated[int, Field(ge=0)] = 2
    retry_budget: Annotated[float, Field(ge=0)] = 120.0
    resend_after_timeout: bool = False
    unhinted_429: Literal["minute", "backoff"] = "minute"
    tool_result_style: Literal["auto", "native", "text"] = "auto"
    history_images: Literal["error", "send", "note"] = "error"
    vision_model: str | None = None
    reasoning_replay: ReplayPolicy = "never"
    default_max_tokens: Annotated[int, Field(ge=1)] = DEFAULT_MAX_TOKENS
    stream_usage: bool = True
    allow_images_on_messages: bool = False
    requests_per_minute: RequestsPerMinute = "auto"
    limit_storage: str = Field(default="memory", repr=False)
    limit_window: Seconds = WINDOW
    limit_margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    limit_max_wait: Annotated[float, Field(ge=0)] | None = 300.0
    limit_processes: Annotated[int, Field(ge=1)] = 4
    limit_when_gone: Literal["share", "refuse"] = "share"
    credit_policy: CreditPolicy = CreditPolicy()
    budgets: tuple[Budget, ...] = ()
    assumed_output: Annotated[int, Field(ge=1)] = 1024
    ledger: str | None = None
    capabilities: str | None = None
    max_image_bytes: Annotated[int, Field(ge=1)] = MAX_IMAGE_BYTES
    max_body_bytes: Annotated[int, Field(ge=1)] = 32 * 1024 * 1024
    max_error_bytes: Annotated[int, Field(ge=1)] = 64 * 1024
    max_event_bytes: Annotated[int, Field(ge=1)] = MAX_EVENT_BYTES
    max_connections: Annotated[int, Field(ge=1)] = 1000
    allow_http: bool = False
    extra_headers: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """Settings from arguments, then the environment, then the defaults.

        ``None`` means not given, except where it is a choice of its own: ``requests_per_minute`` and
        ``limit_max_wait``.

        Raises:
            ConfigurationError: something is missing or unusable.
        """
        values: dict[str, Any] = {
            name: value for name, value in given.items() if value is not None or name in _NONE_IS_A_CHOICE
        }
        given.clear()  # a traceback can show the locals of this frame
        values["api_key"] = held(values.get("api_key"))
        try:
            values["api_key"] = clean_key(values["api_key"] or _key_from_environment())
        except ConfigurationError as error:
            raise without_frames(error) from None
        values.setdefault("allow_http", os.environ.get(ALLOW_HTTP_VARIABLE, "") not in {"", "0", "false"})
        base_url = values.get("base_url") or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
        values["base_url"] = normalise_base_url(base_url, allow_http=values["allow_http"])
        values["extra_headers"] = check_headers(values.get("extra_headers") or {})
        values.setdefault("requests_per_minute", os.environ.get(PLAN_VARIABLE) or "auto")
        values["requests_per_minute"] = _read_plan(values["requests_per_minute"])
        values.setdefault("limit_storage", os.environ.get(LIMIT_STORAGE_VARIABLE) or "memory")
        values.setdefault("ledger", os.environ.get(LEDGER_VARIABLE) or None)
        values.setdefault("capabilities", os.environ.get(CAPABILITIES_VARIABLE) or None)
        try:
            return cls(**values)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
            )
            raise ConfigurationError(f"These settings are unusable: {problems}.") from None

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle leaves the key behind: whoever reads it has one of its own in the environment."""
        values = self.model_dump(exclude={"api_key"})
        if "@" in self.limit_storage:  # it holds a password
            del values["limit_storage"]
        return _reload, (values,)

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine's, in clear: no proxy is to see the key on that way."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")

    @property
    def origin(self) -> str:
        """Scheme and host, below which the billing pages are."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secret(self) -> str:
        """The key itself, for the one place that sends it and the one that masks it."""
        return self.api_key.get_secret_value()

    def replay(self, model: str) -> ReasoningReplay:
        """Whether reasoning is sent back to a model."""
        policy = self.reasoning_replay
        if isinstance(policy, str):
            return policy
        return policy.get(model) or policy.get(bare(model)) or policy.get("*", "never")


_NONE_IS_A_CHOICE = frozenset({"requests_per_minute", "limit_max_wait"})


def _read_plan(given: object) -> object:
    """A plan's name in any case, or a number, as a setting or a variable says it; ``none`` is no limit."""
    if not isinstance(given, str):
        return given
    name = given.strip().lower()
    if name == "none":
        return None
    if name.isascii() and name.isdecimal():
        return int(name)
    if name not in {"auto", *PLANS}:
        raise ConfigurationError(
            f"requests_per_minute (or {PLAN_VARIABLE}) is a number, auto, none, or a plan: "
            f"{', '.join(PLANS)}; not {given!r:.40}."
        )
    return name


def _reload(values: Mapping[str, Any]) -> Settings:
    return Settings.load(**values)


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of a client; the fields of `Settings`, each as documented there."""

    api: API
    connect_timeout: float
    read_timeout: float
    gap_timeout: float
    deadline: float | None
    max_retries: int
    retry_budget: float
    resend_after_timeout: bool
    unhinted_429: Literal["minute", "backoff"]
    tool_result_style: Literal["auto", "native", "text"]
    history_images: Literal["error", "send", "note"]
    vision_model: str | None
    reasoning_replay: ReplayPolicy
    default_max_tokens: int
    stream_usage: bool
    allow_images_on_messages: bool
    requests_per_minute: RequestsPerMinute
    limit_storage: str
    limit_window: float
    limit_margin: float | None
    limit_max_wait: float | None
    limit_processes: int
    limit_when_gone: Literal["share", "refuse"]
    credit_policy: CreditPolicy
    budgets: Sequence[Budget]
    assumed_output: int
    ledger: str | None
    capabilities: str | None
    max_image_bytes: int
    max_body_bytes: int
    max_error_bytes: int
    max_event_bytes: int
    max_connections: int
    allow_http: bool
    extra_headers: Mapping[str, str]


def _key_from_environment() -> str:
    found = [os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)]
    if len(set(found)) > 1:
        text = f"{' and '.join(KEY_VARIABLES)} are both set and differ; the first is used."
        warnings.warn(text, ResayilWarning, stacklevel=4)
    if not found:
        raise ConfigurationError(
            f"No API key: pass api_key=, or set {KEY_VARIABLES[0]}. Keys are made at https://llm.resayil.io/api-keys."
        )
    return found[0]


def held(key: str | SecretStr | None) -> SecretStr | None:
    """A key in its holder, in which a traceback that prints local variables does not show it."""
    return SecretStr(key) if isinstance(key, str) else key


def clean_key(given: str | SecretStr) -> SecretStr:
    """A pasted key without white space and the word Bearer.

    Raises:
        ConfigurationError: it holds what no key holds; the message does not show it.
    """
    text = given.get_secret_value() if isinstance(given, SecretStr) else given
    key = re.sub(r"^bearer(?:\s+|$)", "", text.strip(), flags=re.IGNORECASE)
    if not key:
        raise ConfigurationError("The API key is empty.")
    wrong = next((n for n, char in enumerate(key) if not "!" <= char <= "~"), None)
    if wrong is not None:
        raise ConfigurationError(
            f"The API key holds a character at position {wrong + 1} that no key holds "
            "(a space, a line break or a letter outside ASCII); copy it again."
        )
    return SecretStr(key)


@lru_cache(maxsize=64)  # LiteLLM hands it over with each call
def normalise_base_url(given: str, *, allow_http: bool = False) -> str:
    """The base URL in one form, from a bare host, any of the documented paths, or a pasted endpoint.

    Raises:
        ConfigurationError: not an address of this API, or one that would show the key on the way.
    """
    text = given.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:  # it quotes what may be a password
        raise ConfigurationError(
            "The base URL cannot be read: its host or port is none; it looks like https://HOST/v1."
        ) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "The base URL may not carry a user name or password; the key is sent as a header."
        )
    shown = f"{parts.scheme}://{host}"
    if parts.scheme not in {"https", "http"} or not host or not text.isprintable() or " " in text:
        raise ConfigurationError(f"The base URL {shown!r} is no https:// address.")
    if host == _WHATSAPP_HOST:
        raise ConfigurationError(
            f"{_WHATSAPP_HOST} is the WhatsApp gateway, not the model API; use {DEFAULT_BASE_URL}."
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise ConfigurationError(
            f"The base URL {shown} would send the key in clear text; use https:// or set allow_http=True."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(f"The base URL {shown} has a query or fragment; leave it out.")
    path = re.sub(r"(/v1)+$", "/v1", _ENDPOINT.sub("", parts.path.rstrip("/")).rstrip("/")) or "/v1"
    if path == "/api":
        path = "/api/v1"
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Extra headers by lower-case name, refused where they break out of their line or replace our own.

    Raises:
        ConfigurationError: such a header; its value is not shown.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not isinstance(value, str):
            raise ConfigurationError(f"{name!r:.60} is no header name with a text value.")
        if name.lower() in _OWN_HEADERS:
            raise ConfigurationError(f"The header {name!r} is the client's own; it cannot be replaced.")
        if not value.isascii() or not value.isprintable():
            raise ConfigurationError(
                f"The value of header {name!r} holds a character that no header may hold."
            )
    return {name.lower(): value for name, value in headers.items()}
