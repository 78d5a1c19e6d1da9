from pathlib import Path

from tests.unit.catalog.builders import asked, folder

from stead.catalog import loader
from stead.catalog.inputs import validate
from stead.catalog.proving import guest
from stead_agent import process


def test_scripts_get_the_variables_that_the_agent_gives(tmp_path: Path):
    assert guest.FIXED == process._FIXED
    inputs = [asked("title", default="A"), asked("secret_one", "password", generate=True)]
    package = loader.load_package(folder(tmp_path, inputs=inputs))
    given = validate(package.manifest, {"secret_one": "correct-horse"})
    made = guest.environment(package, given)
    assert made == {"TITLE": "A", "SECRET_ONE": "correct-horse"}
