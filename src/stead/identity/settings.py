"""What admins can change about signing in, tokens, invitations and new projects."""

from collections.abc import Mapping
from typing import Final

from stead.core.platform_settings import AnySetting, Limit, Number, Setting
from stead.identity.rules import LABELS, Resource

SESSION_IDLE: Final = Setting(
    "session.idle_minutes",
    120,
    Number(5, 1440, "minutes"),
    "End sessions that are not used",
    "A browser that asks for nothing for this long has to sign in again. Open sessions follow.",
)
SESSION_LONGEST: Final = Setting(
    "session.longest_hours",
    12,
    Number(1, 720, "hours"),
    "End every session",
    "However busy it is, a session ends this long after signing in. Making this shorter ends"
    " open sessions too; making it longer helps those that begin from now on.",
)
LINK_LIFE: Final = Setting(
    "sign_in.link_minutes",
    60,
    Number(5, 1440, "minutes"),
    "Life of a sign-in link",
    "How long a link that signs somebody in works, once. Links that were given keep theirs.",
)
RESET_LIFE: Final = Setting(
    "sign_in.reset_hours",
    24,
    Number(1, 168, "hours"),
    "Life of a password link",
    "How long a link that sets a password works, once. Links that were given keep theirs.",
)
PASSWORD_SHORTEST: Final = Setting(
    "password.shortest",
    12,
    Number(12, 64, "characters"),
    "Shortest password",
    "New passwords have this many characters at least. Passwords that are in use stay good.",
)
LOCKOUT_ATTEMPTS: Final = Setting(
    "lockout.attempts",
    5,
    Number(2, 20, "attempts"),
    "Free attempts to sign in",
    "So many wrong passwords for one name from one address cost nothing; then waiting begins,"
    " and doubles.",
)
LOCKOUT_LONGEST: Final = Setting(
    "lockout.longest_minutes",
    15,
    Number(1, 1440, "minutes"),
    "Longest wait after wrong passwords",
    "The most that an address has to wait before it may try again. A person whom others lock"
    " out by name waits a minute at most.",
)
TOKEN_LONGEST: Final = Setting(
    "token.longest_days",
    365,
    Number(1, 3650, "days"),
    "Longest life of an API token",
    "New tokens end after this many days at the latest. Tokens that were made keep their end.",
)
INVITATION_LONGEST: Final = Setting(
    "invitation.longest_days",
    30,
    Number(1, 365, "days"),
    "Longest life of an invitation",
    "Nobody can make an invitation to a project that lasts longer.",
)
INVITATION_DAYS: Final = Setting(
    "invitation.days",
    7,
    Number(1, 365, "days"),
    "Usual life of an invitation",
    "How long an invitation lasts if nobody says otherwise, within the longest life.",
)
PROJECT_LIMITS: Final[Mapping[Resource, Setting[int | None]]] = {
    one: Setting(
        f"new_project.{one.value}",
        None,
        Limit(),
        f"New projects: {LABELS[one]}",
        f"The limit of {LABELS[one]} that a project begins with. Projects that are there keep"
        " theirs; change those on their own pages.",
    )
    for one in Resource
}
SETTINGS: Final[tuple[AnySetting, ...]] = (
    SESSION_IDLE,
    SESSION_LONGEST,
    LINK_LIFE,
    RESET_LIFE,
    PASSWORD_SHORTEST,
    LOCKOUT_ATTEMPTS,
    LOCKOUT_LONGEST,
    TOKEN_LONGEST,
    INVITATION_LONGEST,
    INVITATION_DAYS,
    *PROJECT_LIMITS.values(),
)
