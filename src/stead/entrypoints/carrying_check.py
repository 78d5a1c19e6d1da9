"""``stead admin redis``: whether the Redis of the settings can carry jobs."""

import typer

from stead.agents import public as agents
from stead.entrypoints.local import fail, run, say, settings


def add_to(commands: typer.Typer) -> None:
    """Add the verb to a group of commands."""
    commands.command("redis")(redis)


def redis() -> None:
    """Try out whether the Redis of the settings can carry jobs, and say what is missing."""
    chosen = settings().redis

    async def look() -> list[tuple[str, str]]:
        try:
            return await agents.check_redis(chosen)
        except agents.RedisError as error:
            fail(str(error))

    found = run(look())
    for what, wrong in found:
        say(f"{'no ' if wrong else 'yes'}  {what}{': ' + wrong if wrong else ''}")
    if any(wrong for _, wrong in found):
        fail("This Redis cannot carry jobs yet; docs/recipes/carry-jobs-over-redis.md")
