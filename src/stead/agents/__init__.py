"""Agents in guests: enrolment, signed jobs, their output and results."""
