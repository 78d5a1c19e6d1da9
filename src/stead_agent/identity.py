"""Who the agent is: the key it made itself, kept before it is sent, and the name it got for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from stead_agent import signing, store


class IdentityError(Exception):
    """There is no identity and nothing to enrol with."""


@dataclass(frozen=True)
class Identity:
    """The content of identity.json; `agent` is None until the control plane has answered."""

    server: str
    ca: str
    key: str
    agent: str | None
    token_digest: str

    def __repr__(self) -> str:
        """Leave the key out of tracebacks and logs."""
        return f"Identity({self.server!r}, agent={self.agent!r})"

    def named(self, agent: str) -> Identity:
        """Return this identity with its name."""
        return replace(self, agent=agent)

    def save(self, kept: store.Store) -> None:
        """Write it durably."""
        store.write(kept.identity, asdict(self))


@dataclass(frozen=True)
class Bootstrap:
    """The content of bootstrap.json: where to enrol and with what."""

    server: str
    ca: str
    token: str

    def __repr__(self) -> str:
        """Leave the token out of tracebacks and logs."""
        return f"Bootstrap({self.server!r})"

    @property
    def token_digest(self) -> str:
        """Return what tells tokens apart without keeping them."""
        return hashlib.sha256(self.token.encode(errors="replace")).hexdigest()


def prepare(kept: store.Store) -> tuple[Identity, Bootstrap | None]:
    """Return who to be, and the bootstrap when the control plane must still be told.

    A bootstrap with another token replaces the identity: a cloned guest still has its source's.
    The key is on disk before this returns. Raises IdentityError when there is nothing to go by.
    """
    bootstrap = parse_bootstrap(store.read(kept.bootstrap) or {})
    known = _parse_identity(store.read(kept.identity) or {})
    if bootstrap is None:
        if known is None or known.agent is None:
            raise IdentityError(f"neither {kept.bootstrap} nor {kept.identity} can be used")
        return known, None
    if known is None or known.token_digest != bootstrap.token_digest:
        kept.forget_work()
        known = Identity(
            bootstrap.server, bootstrap.ca, signing.new_key(), None, bootstrap.token_digest
        )
        known.save(kept)
    if known.agent is not None:
        kept.drop_bootstrap()
        return known, None
    return known, bootstrap


def parse_bootstrap(raw: Mapping[str, object]) -> Bootstrap | None:
    """Return the bootstrap in an object, or None when a part is missing."""
    texts = [raw.get(name) for name in ("server", "ca", "token")]
    server, ca, token = (text if isinstance(text, str) else "" for text in texts)
    if not server.startswith("https://") or not ca or not token:
        return None
    return Bootstrap(server, ca, token)


def _parse_identity(raw: Mapping[str, object]) -> Identity | None:
    names = ("server", "ca", "key", "token_digest")
    texts = {name: value for name in names if isinstance(value := raw.get(name), str)}
    agent = raw.get("agent")
    if len(texts) < len(names) or not isinstance(agent, (str, type(None))):
        return None
    return Identity(agent=agent, **texts)
