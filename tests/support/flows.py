"""What people do with a Stead in a test for leaks, what they are told, and their secrets."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import httpx
from tests.support.asked_secrets import Document, Place, texts
from tests.support.canary import Mark
from tests.support.stead import Stead

# With characters that every encoding writes differently.
SECRET: Final = 'kanarie-7f3"\\+/é&9c-{}'


@dataclass
class Flows:
    """What people do, what they were told, and which secrets were part of it."""

    stead: Stead
    marks: list[Mark] = field(default_factory=list)
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    through: set[Place] = field(default_factory=set)

    @cached_property
    def document(self) -> Document:
        """Return what the running server says that it takes and answers."""
        with self.stead.api() as api:
            return Document(api.get("/api/openapi.json").json())

    @cached_property
    def places(self) -> set[Place]:
        """Return every place that a secret goes through."""
        return self.document.places()

    def secret(self, name: str, value: str = "", *homes: str) -> str:
        """Return a new secret to send, or remember one that Stead made."""
        made = value or SECRET.format(name)
        self.marks.append(Mark(name, made, homes))
        return made

    def hear(self, where: str, content: bytes | str) -> None:
        """Keep what was answered, to be searched at the end."""
        self.heard.append((where, content.encode() if isinstance(content, str) else content))

    def ask(self, method: str, path: str, *, token: str = "", **more: Any) -> httpx.Response:
        """Ask the API, and keep the answer but for what it shows only this once."""
        if token:
            more["headers"] = {"Authorization": f"Bearer {token}"}
        with self.stead.api() as api:
            answer = api.request(method, path, **more)
        self._note(method, path, more.get("json"))
        said = answer.content
        for shown in self._shown(method, path, answer):
            # As JSON writes it: a mark has characters that are written otherwise.
            said = said.replace(json.dumps(shown, ensure_ascii=False)[1:-1].encode(), b"")
        self.hear(f"answer to {method} {path}", said + str(answer.headers).encode())
        return answer

    def _note(self, method: str, path: str, body: object) -> None:
        """Remember the places that a mark was sent to."""
        known, sent = {mark.value for mark in self.marks}, self.document.path_of(path)
        self.through |= {
            place
            for at, text in texts(body)
            if text in known
            for place in self.places
            if (place.method, place.path, place.answered) == (method, sent, False)
            if at == place.field or at.startswith(f"{place.field}.")
        }

    def _shown(self, method: str, path: str, answer: httpx.Response) -> list[str]:
        """Mark what an answer shows once, and return it."""
        asked = self.document.path_of(path)
        wanted = {
            one.field: one
            for one in self.places
            if one.answered and (one.method, one.path) == (method, asked)
        }
        if not answer.is_success or not wanted:
            return []
        shown = [(at, text) for at, text in texts(answer.json()) if at in wanted and text]
        for at, text in shown:
            self.through.add(wanted[at])
            # Whoever has the end of a link has all of it.
            self.secret(f"{at} of {method} {asked}", text.rpartition("/")[2])
        return [text for _, text in shown]

    def ended(self, operation: str) -> str:
        """Wait for an operation, keep its whole stream, and return how it ended."""
        path = f"/api/v1/operations/{operation}"
        with self.stead.api() as api, api.stream("GET", f"{path}/events", timeout=300) as stream:
            self.hear(f"stream of {operation}", b"".join(stream.iter_bytes()))
        self.ask("GET", f"{path}/events?after=0")
        return str(self.ask("GET", path).json()["state"])

    def deploy(self, name: str, **inputs: object) -> dict[str, str]:
        """Ask for a deployment with a secret of its own."""
        password = self.secret(f"password-of-{name}")
        asked = {"app": "quick", "name": name, "inputs": {"password": password, **inputs}}
        key = {"Idempotency-Key": f"canary-{name}"}
        answer = self.ask("POST", "/api/v1/deployments", json=asked, headers=key)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        again = self.ask("POST", "/api/v1/deployments", json=asked, headers=key)
        assert again.json() == answer.json()
        return dict(answer.json())
