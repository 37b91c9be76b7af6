"""Reading the configuration file from disk; judging it is `core/config`."""

from pathlib import Path

from chalicelib.core.config import Config, load
from chalicelib.core.config.document import MAX_BYTES
from chalicelib.core.errors import BadInput, Problem


def read_config(path: Path) -> Config:
    """BadInput for a file that cannot be read, and for everything wrong in it."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(Problem("there is no such file", "a configuration like snapwarden.yaml", name)) from None
    except IsADirectoryError:
        raise BadInput(Problem("this is a folder", "a file in it", name)) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        raise BadInput(Problem(f"the file cannot be read: {reason}", None, name)) from None
    return load(raw, name, neighbour=lambda other: _certificates(path.parent / other))


def _certificates(path: Path) -> str:
    try:
        text = path.read_text("ascii")
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise ValueError(f"the certificates in {path} cannot be read: {reason}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(f"there is no certificate in {path}")
    return text
