"""Instances: containers that projects own, reserved here and made by workflows."""
