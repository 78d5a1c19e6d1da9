"""The double answers what a real Proxmox VE was recorded to answer."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.proxmox.replay import seeds
from tests.proxmox.replay.player import Player, Result
from tests.support.recordings import RECORDINGS, needs_recordings

LISTED = tomllib.loads((Path(__file__).parent / "replay" / "unmatched.toml").read_text("utf-8"))
MOST = 0.03
pytestmark = needs_recordings


async def play(content: dict[str, object], name: str) -> list[Result]:
    exchanges = content["exchanges"]
    assert isinstance(exchanges, list)
    return await Player(name, exchanges, seeds.SEEDS.get(name, seeds.default())).play()


def files() -> list[Path]:
    return sorted((RECORDINGS / "recordings").glob("[0-9]*.json"))


@pytest.mark.timeout(120)
async def test_recorded_exchanges_are_answered_alike(capsys: pytest.CaptureFixture[str]) -> None:
    results: list[Result] = []
    for file in files():
        results += await play(json.loads(file.read_text("utf-8")), file.stem)
    wrong = {f"{one.file} {one.index}": one for one in results if one.differences}
    with capsys.disabled():
        matched = len(results) - len(wrong)
        text = (
            f"\nrecorded exchanges: {matched} matched, {len(wrong)} unmatched of {len(results)}\n"
        )
        capsys.readouterr()
        print(text, end="")  # noqa: T201 -- the figure is the point
    unlisted = {name: one.differences for name, one in wrong.items() if name not in LISTED}
    assert not unlisted
    assert not [name for name in LISTED if name not in wrong], "these match now: take them out"
    assert len(wrong) < MOST * len(results)
