"""Builders of test data: databases, plans, people, a control plane without an engine."""
