"""Fixtures for every test: real servers (tests/servers.py)."""

pytest_plugins = ["tests.servers"]
