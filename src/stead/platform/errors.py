"""Expected failures of copies."""

from stead.core.errors import Kind, SteadError


class CopyDamagedError(SteadError):
    """What should be a copy of a platform cannot be believed."""

    kind = Kind.INVALID
    code = "copy.damaged"


class CopyForeignError(SteadError):
    """A copy of another platform, or by a version of Stead that this one cannot read."""

    kind = Kind.CONFLICT
    code = "copy.foreign"


class RecoveryKeyError(SteadError):
    """The recovery key is missing or is not the one that fits."""

    kind = Kind.INVALID
    code = "copy.recovery_key"


class BusyPlatformError(SteadError):
    """Somebody works with the platform that should be replaced."""

    kind = Kind.CONFLICT
    code = "copy.platform_in_use"


class SettingInvalidError(SteadError):
    """A platform setting cannot have this value."""

    kind = Kind.INVALID
    code = "setting.invalid"


class SettingElsewhereError(SteadError):
    """A setting of the process, which is changed where the process is started."""

    kind = Kind.UNSUPPORTED
    code = "setting.process"
