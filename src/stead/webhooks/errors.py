"""Expected failures of webhooks."""

from stead.core.errors import Kind, SteadError


class InvalidWebhookError(SteadError):
    """The address, the name or the choice of events does not fit."""

    kind = Kind.INVALID
    code = "webhook.invalid"


class TooManyWebhooksError(SteadError):
    """A project has as many webhooks as one may have."""

    kind = Kind.CONFLICT
    code = "webhook.too_many"


class PausedWebhookError(SteadError):
    """Nothing is sent to this address until somebody lets it go on."""

    kind = Kind.CONFLICT
    code = "webhook.paused"
