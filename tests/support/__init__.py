"""What tests stand on: a real Incus of their own and a whole Stead on free ports."""
