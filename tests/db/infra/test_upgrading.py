"""The schema of the inventory arrives where clusters, claims and sightings are already."""

from pathlib import Path

from sqlalchemy import text

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url

OLD = """
insert into cluster (id, name, engine, created_at) values ('c', 'local', 'incus', '2026-01-01');
insert into claim (cluster_id, native_name, owner, key, created_at)
values ('c', 'web', 'o', 'k', '2026-01-01');
insert into sighting (cluster_id, native_name, key, owner, state, addresses)
values ('c', 'web', 'k', 'o', 'running', '[]');
"""


async def test_what_was_there_is_kept_and_waits_for_the_next_look(tmp_path: Path):
    database = Database(sqlite_url(tmp_path / "old.db"), Bus())
    async with database.engine.connect() as connection:
        await migrations.upgrade_to(connection, "0007")
        for statement in OLD.strip().split(";")[:-1]:
            await connection.execute(text(statement))
        await connection.commit()
    await migrations.upgrade(database)
    async with database.engine.connect() as connection:
        claim = (await connection.execute(text("select * from claim"))).mappings().one()
        sighting = (await connection.execute(text("select * from sighting"))).mappings().one()
        cluster = (await connection.execute(text("select * from cluster"))).mappings().one()
    await database.close()
    assert (claim["wanted"], claim["agreed"], sighting["standing"]) == ("", None, "known")
    assert (cluster["state"], cluster["maintenance"]) == ("new", 0)
