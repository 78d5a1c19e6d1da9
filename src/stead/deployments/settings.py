"""What admins can change about what may be deployed."""

from typing import Final

from stead.core.platform_settings import AnySetting, Choice, Names, Setting
from stead.instances import public as instances

_NONE: Final[tuple[str, ...]] = ()
LARGEST_SIZE: Final = Setting(
    "deploy.largest_size",
    instances.Size.LARGE.value,
    Choice(tuple(one.value for one in instances.Size)),
    "Largest size",
    "New deployments cannot be larger. What runs keeps its size.",
)
REFUSED_APPS: Final = Setting(
    "deploy.refused_apps",
    _NONE,
    Names(),
    "Apps that cannot be deployed",
    "Apps of the catalog, by their ids, that nobody can deploy or install. What runs goes on.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (LARGEST_SIZE, REFUSED_APPS)
