"""The options that a server's settings give to its engine's driver."""

from stead.core.settings import Settings


def options(settings: Settings) -> dict[str, str]:
    """Return what the driver named by ``engine.kind`` is opened with."""
    return _simulator(settings) if settings.engine.simulated else _incus(settings)


def _incus(settings: Settings) -> dict[str, str]:
    incus = settings.incus
    return {
        "url": incus.url,
        "project": incus.project,
        "pool": incus.pool,
        "certificate": str(incus.client_cert),
        "key": str(incus.client_key),
        "server_certificate": str(incus.server_cert),
    }


def _simulator(settings: Settings) -> dict[str, str]:
    simulator = settings.simulator
    found = {
        "nodes": str(simulator.nodes),
        "speed": str(simulator.speed),
        "images": settings.incus.image,
        "state": str(settings.server.data_dir / "simulator.journal"),
    }
    return found | ({"faults": str(simulator.faults)} if simulator.faults else {})
