"""The file users write -> Targets and Policies; every problem reported at once, with its place."""

from chalicelib.core.config.later import not_active_yet
from chalicelib.core.config.load import Config, load
from chalicelib.core.config.schema import schema

__all__ = ["Config", "load", "not_active_yet", "schema"]
