"""n8n's own REST interface, as its editor uses it: owner, credentials, workflows, executions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

OWNER = {"email": "owner@example.com", "password": "Only-for-tests-1"}
PATIENCE, PAUSE = 90.0, 0.1
CONFLICT = 409
GOING_ON = frozenset({"new", "running", "waiting"})
FOUND = TypeVar("FOUND")


def until(look: Callable[[], FOUND | None], what: str, seconds: float = PATIENCE) -> FOUND:
    """What `look` finds, as soon as it finds something.

    Raises:
        TimeoutError: It found nothing in time.
    """
    limit = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > limit:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(PAUSE)
    return found


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a workflow, as n8n keeps it."""

    id: str
    status: str
    raw: str
    data: Mapping[str, Any]

    def runs(self, node: str) -> list[Mapping[str, Any]]:
        """What a node did, one entry per time it ran."""
        runs: list[Mapping[str, Any]] = self.data["resultData"]["runData"].get(node, [])
        return runs

    def items(self, node: str, output: int = 0) -> list[Any]:
        """The JSON of every item that a node put out, over all its runs."""
        outputs = (run["data"]["main"] for run in self.runs(node) if run.get("data"))
        return [item["json"] for main in outputs if len(main) > output for item in main[output] or []]

    @property
    def last(self) -> list[Any]:
        """What the last node put out in its last run, over all its outputs."""
        run = self.runs(self.data["resultData"]["lastNodeExecuted"])[-1]
        return [item["json"] for output in run["data"]["main"] for item in output or []]

    @property
    def error(self) -> Mapping[str, Any]:
        """The error that ended it, empty when none did."""
        return self.data["resultData"].get("error") or {}


def unflattened(text: str) -> Any:
    """The value behind n8n's flattened JSON: a list in which strings inside a value are indexes."""
    values = json.loads(text)
    done: dict[int, Any] = {}

    def resolved(value: Any) -> Any:
        return at(int(value)) if isinstance(value, str) else value

    def at(index: int) -> Any:
        value = values[index]
        if index in done or not isinstance(value, dict | list):
            return done.get(index, value)
        if isinstance(value, list):
            done[index] = items = []
            items.extend(resolved(item) for item in value)
            return items
        done[index] = fields = {}
        fields.update({name: resolved(item) for name, item in value.items()})
        return fields

    return at(0)


class Rest:
    """One signed-in owner.

    Args:
        url: Where the server is.
    """

    def __init__(self, url: str) -> None:
        # The session is bound to the browser's id; the push reference stands for an open editor.
        headers = {"browser-id": "tests", "push-ref": "tests"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def close(self) -> None:
        """Leave; the account stays."""
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, **parameters: str) -> Any:
        """Ask, and give what the answer holds.

        Raises:
            httpx.HTTPStatusError: n8n refused; its words are in the message.
        """
        reply = self.http.request(method, f"/rest{path}", json=body, params=parameters)
        if reply.is_error:
            message = f"{method} {path}: {reply.status_code} {reply.text[:500]}"
            raise httpx.HTTPStatusError(message, request=reply.request, response=reply)
        return reply.json().get("data") if reply.content else None

    def set_up_owner(self) -> None:
        """Make the first account, and sign in as it."""
        self.call("POST", "/owner/setup", OWNER | {"firstName": "Test", "lastName": "Owner"})

    def sign_in(self) -> None:
        """Sign in to an instance that has its owner."""
        self.call("POST", "/login", {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]})

    def credential(self, kind: str, name: str, data: Mapping[str, Any]) -> dict[str, str]:
        """Keep a credential; the reference by which a node names it."""
        made = self.call("POST", "/credentials", {"name": name, "type": kind, "data": data})
        return {"id": made["id"], "name": name}

    def add(self, workflow: Mapping[str, Any]) -> dict[str, Any]:
        """Import a workflow; n8n's own copy of it."""
        made: dict[str, Any] = self.call("POST", "/workflows", workflow)
        return made

    def activate(self, workflow: Mapping[str, Any]) -> None:
        """Publish a workflow, so that its webhooks, forms, chats and schedules live."""
        self.call("POST", f"/workflows/{workflow['id']}/activate", {"versionId": workflow["versionId"]})

    def remove(self, workflow: Mapping[str, Any]) -> None:
        """Unpublish and delete a workflow."""
        place = f"/workflows/{workflow['id']}"
        self.call("POST", f"{place}/deactivate", {})
        self.call("POST", f"{place}/archive", {})

        def deleted() -> bool | None:
            reply = self.http.delete(f"/rest{place}")
            if reply.status_code == CONFLICT:  # it is still being unpublished
                return None
            reply.raise_for_status()
            return True

        until(deleted, f"the end of workflow {workflow['id']}")

    def start(self, workflow: Mapping[str, Any], trigger: str) -> str:
        """Run a workflow as the editor's button does; the execution's id."""
        started = self.call(
            "POST", f"/workflows/{workflow['id']}/run", {"triggerToStartFrom": {"name": trigger}}
        )
        identity: str = started["executionId"]
        return identity

    def execution(self, identity: str) -> Execution:
        """One execution as it stands."""
        kept = self.call("GET", f"/executions/{identity}")
        return Execution(identity, kept["status"], kept["data"], unflattened(kept["data"]))

    def ended(self, identity: str, seconds: float = PATIENCE) -> None:
        """Wait for the end of an execution, whether n8n keeps it or not.

        Raises:
            TimeoutError: It goes on for longer.
        """

        def over() -> bool | None:
            kept = self.call("GET", f"/executions/{identity}")
            return None if kept and kept["status"] in GOING_ON else True

        until(over, f"execution {identity}", seconds)

    def finished(self, identity: str, seconds: float = PATIENCE) -> Execution:
        """One execution after its end.

        Raises:
            TimeoutError: It goes on for longer.
        """
        self.ended(identity, seconds)
        return self.execution(identity)

    def run(self, workflow: Mapping[str, Any], trigger: str, seconds: float = PATIENCE) -> Execution:
        """Run a workflow from a trigger to its end."""
        return self.finished(self.start(workflow, trigger), seconds)

    def executions(self, workflow: Mapping[str, Any]) -> list[str]:
        """The ids of a workflow's executions, oldest first."""
        listed = self.call("GET", "/executions", filter=json.dumps({"workflowId": workflow["id"]}))
        return sorted((entry["id"] for entry in listed["results"]), key=int)
