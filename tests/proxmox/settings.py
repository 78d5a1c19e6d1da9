"""How long things take in the double and what its nodes look like; all of it data."""

import dataclasses

GIB = 1024**3


@dataclasses.dataclass
class Settings:
    """Seconds by step, as measured on the real one, and the size of a node."""

    failed_login: float = 3.0
    create: float = 1.9
    clone_full: float = 2.0
    clone_linked: float = 0.35
    start: float = 1.5
    stop: float = 1.3
    shutdown: float = 2.2
    reboot: float = 4.0
    snapshot: float = 0.2
    rollback: float = 0.4
    destroy: float = 0.2
    resize: float = 0.2
    backup: float = 4.0
    restore: float = 1.6
    reload: float = 0.6
    volume: float = 0.15
    migrate: float = 8.0
    template: float = 0.06
    hotplug: float = 0.2
    quick: float = 0.1
    address: float = 0.4
    check: float = 0.015
    flock: float = 10.0
    proxy_timeout: float = 30.0
    idle: float = 5.0
    console_connect: float = 10.0
    cpus: int = 2
    memory: int = 24 * GIB
    disk: int = 252 * GIB
    btrfs: int = 12 * GIB
    online_resize: bool = False
    kvm: bool = True
    bigger_than: int = 16 * 1024 * GIB
