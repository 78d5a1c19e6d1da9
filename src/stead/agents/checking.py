"""Whether a Redis can carry what agents and the control plane say, tried out bit by bit."""

from stead.agents import redis
from stead.agents.carrier import USER
from stead.agents.redis import RedisError
from stead.core.settings import RedisSettings

_LIST = "agent:check:jobs"
_TRIALS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("may make users for agents", ("ACL", "SETUSER", f"{USER}check", "reset")),
    ("may list users", ("ACL", "USERS")),
    ("may take users", ("ACL", "DELUSER", f"{USER}check")),
    ("may answer agents", ("RPUSH", _LIST, "")),
    ("may let answers expire", ("EXPIRE", _LIST, "1")),
    ("may read what agents ask", ("LPOP", _LIST)),
    ("may hear agents ring", ("PSUBSCRIBE", "agent:*:calls", "job:*:updates")),
)


async def check(settings: RedisSettings) -> list[tuple[str, str]]:
    """Return what was tried and, where it failed, why. Raises RedisError without a connection."""
    if not settings.url or settings.ca_file is None:
        raise RedisError("redis.url names none: agents are called over HTTPS alone")
    connection = await redis.connect(redis.door(settings.url, settings.ca_file))
    found = [("answers over TLS, and the user may sign in", "")]
    try:
        for what, words in _TRIALS:
            try:
                await connection.do(words)
            except RedisError as error:
                found.append((what, str(error)))
            else:
                found.append((what, ""))
    finally:
        connection.close()
    return found
