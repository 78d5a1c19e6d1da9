"""What an agent tells about its machine when it joins."""

import os
from pathlib import Path

from stead_agent import enrolment


def test_a_machine_tells_its_system_and_how_large_it_is(tmp_path: Path):
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nVERSION_ID="12"\n')
    told = enrolment.facts(release)
    assert (told["os"], told["os_version"]) == ("debian", "12")
    assert told["cores"] == str(os.cpu_count())
    assert int(told["memory_mb"]) > 0
    assert int(told["disk_mb"]) > 0
