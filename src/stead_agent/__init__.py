"""The process inside a guest: dials out, verifies signed jobs and runs their scripts."""

VERSION = "0.1.0"
