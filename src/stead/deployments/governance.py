"""What the platform's admins decided about deployments, asked before anything is reserved."""

from stead.catalog import public as catalog
from stead.core import platform_settings
from stead.core.db import Uow
from stead.deployments import rules, settings
from stead.deployments.errors import PolicyError
from stead.instances import public as instances


async def allowed(uow: Uow) -> rules.Allowed:
    """Return what holds now."""
    largest = instances.Size(await platform_settings.get(uow, settings.LARGEST_SIZE))
    refused = await platform_settings.get(uow, settings.REFUSED_APPS)
    return rules.Allowed(largest, frozenset(refused))


async def require(uow: Uow, manifest: catalog.Manifest, size: instances.Size) -> None:
    """Pass, or raise PolicyError with the rule that does not allow it."""
    may = await allowed(uow)
    refused = refusal(may, manifest) or size_refusal(may, size)
    if refused is not None:
        raise refused


def refusal(may: rules.Allowed, manifest: catalog.Manifest) -> PolicyError | None:
    """Return why an app may not be deployed in any size, or nothing."""
    if manifest.id not in may.refused:
        return None
    return _refusal(f"{manifest.name} cannot be deployed here", "app", settings.REFUSED_APPS)


def size_refusal(may: rules.Allowed, size: instances.Size) -> PolicyError | None:
    """Return why nothing of this size may be deployed, or nothing."""
    if may.has(size):
        return None
    wrong = f"Nothing larger than {may.largest} can be deployed here"
    return _refusal(wrong, "size", settings.LARGEST_SIZE)


async def app_refusal(uow: Uow, package_id: str) -> PolicyError | None:
    """Return why an app, known by its id alone, may not be deployed now, or nothing."""
    if package_id not in (await allowed(uow)).refused:
        return None
    return _refusal(f"{package_id} cannot be deployed here", "app", settings.REFUSED_APPS)


def _refusal(text: str, field: str, rule: platform_settings.AnySetting) -> PolicyError:
    return PolicyError(text, fields={field: f"A platform admin decided so ({rule.name})"})
