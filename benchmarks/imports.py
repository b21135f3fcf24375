"""What a fresh process pays: the import alone, and all of it until the first answer has come."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.contender import KEY

_MEASURED = """
import time, resource
began = time.process_time()
{imported}
imported = time.process_time() - began
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{answered}
answered = time.process_time() - began
import json
print("\\n" + json.dumps({{"import": imported * 1e3, "memory": held / 1024, "answer": answered * 1e3}}))
"""


@dataclass(frozen=True)
class Program:
    """What is imported, and how it then answers a question; by nothing where it cannot."""

    imported: str
    answered: str = ""


def _model(home: str, kind: str, root: str = "{url}") -> Program:
    given = f'model="text-1", api_key="{KEY}", base_url="{root}"'
    return Program(f"from {home} import {kind}", f'{kind}({given}).invoke("x")')


_ASKED = 'model="text-1", messages=[{{"role": "user", "content": "x"}}]'
_BODY = '{{"model": "text-1", "messages": [{{"role": "user", "content": "x"}}]}}'

PROGRAMS = {
    "httpx + pydantic": Program(
        "import httpx\nfrom pydantic import BaseModel",
        f'httpx.Client().post("{{url}}/chat/completions", json={_BODY}).json()',
    ),
    "httpx + a pydantic model": Program(
        "import httpx\nfrom pydantic import BaseModel, Field, SecretStr\n"
        "class Settings(BaseModel):\n    key: SecretStr\n    retries: int = Field(2, ge=0)"
    ),
    "resayil": Program("from resayil import Client", f'Client("{KEY}", "{{url}}").chat("text-1", "x")'),
    "openai": Program(
        "from openai import AsyncOpenAI, OpenAI",
        f'OpenAI(api_key="{KEY}", base_url="{{url}}").chat.completions.create({_ASKED})',
    ),
    "anthropic": Program(
        "from anthropic import Anthropic, AsyncAnthropic",
        f'Anthropic(api_key="{KEY}", base_url="{{root}}").messages.create({_ASKED}, max_tokens=9)',
    ),
    "langchain-core": Program("from langchain_core.language_models.chat_models import BaseChatModel"),
    "langchain_resayil": _model("langchain_resayil", "ChatResayil"),
    "langchain_openrouter": _model("langchain_openrouter", "ChatOpenRouter"),
    "langchain_openai": _model("langchain_openai", "ChatOpenAI"),
    "langchain_anthropic": _model("langchain_anthropic", "ChatAnthropic", "{root}"),
    "litellm": Program(
        "import litellm",
        f'litellm.completion(**dict({_ASKED}) | {{{{"model": "openai/text-1", "api_key": "{KEY}", '
        '"api_base": "{url}"}})',
    ),
    "litellm_provider": Program(
        "import litellm, litellm_provider\nlitellm_provider.register()",
        f'litellm.completion(**dict({_ASKED}) | {{{{"model": "resayil/text-1", "api_key": "{KEY}", '
        '"api_base": "{url}"}})',
    ),
}
SELDOM = 2
"""Most turns of a program that is not among these."""
OFTEN = ("httpx + pydantic", "httpx + a pydantic model", "resayil", "langchain-core", "langchain_resayil")
"""The programs whose differences are asked for; they have more turns."""


def measure(name: str, url: str) -> dict[str, float]:
    """CPU milliseconds and megabytes of one run in a fresh process.

    Raises:
        RuntimeError: the program failed.
    """
    program = PROGRAMS[name]
    answered = program.answered.format(url=url, root=url.removesuffix("/v1"))
    source = _MEASURED.format(imported=program.imported, answered=answered)
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, env=machine.environment()
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip().splitlines()[-1])
    figures: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    if not program.answered:
        del figures["answer"]
    return figures
