"""What the platform's admins decided about deployments, asked before anything is reserved."""

from stead.catalog import public as catalog
from stead.core import platform_settings
from stead.core.db import Uow
from stead.deployments import settings
from stead.deployments.errors import PolicyError
from stead.instances import public as instances


async def require(uow: Uow, manifest: catalog.Manifest, size: instances.Size) -> None:
    """Pass, or raise PolicyError with the rule that does not allow it."""
    if manifest.id in await platform_settings.get(uow, settings.REFUSED_APPS):
        raise _refusal(f"{manifest.name} cannot be deployed here", "app", settings.REFUSED_APPS)
    largest = instances.Size(await platform_settings.get(uow, settings.LARGEST_SIZE))
    ladder = list(instances.Size)
    if ladder.index(size) > ladder.index(largest):
        wrong = f"Nothing larger than {largest} can be deployed here"
        raise _refusal(wrong, "size", settings.LARGEST_SIZE)


def _refusal(text: str, field: str, rule: platform_settings.AnySetting) -> PolicyError:
    return PolicyError(text, fields={field: f"A platform admin decided so ({rule.name})"})
