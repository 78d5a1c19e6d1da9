"""A public key of ssh whose private half nobody has."""

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAiqLcMPM0h0zZXcHN1oyb+LMP6LX0aMzjxji7rv4iPE"
