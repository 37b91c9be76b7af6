"""Where a target listens, as people and sockets name it. Pure."""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def address(url: str) -> tuple[str, int]:
    """Name and port; no path and no credentials, whatever was written. ValueError for a port that is none, KeyError
    for a scheme other than http and https."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def shown(url: str) -> str:
    """`address` as one word, an IPv6 name in brackets."""
    name, port = address(url)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
