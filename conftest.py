"""Fixtures for every test: real servers (tests/servers.py), and whole local stages (tests/stages.py)."""

pytest_plugins = ["tests.servers", "tests.stages"]
