"""How addresses are shown: nothing of them that could be a secret."""

import pytest

from chalicelib.core import addresses


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://es.internal", "es.internal:80"),
        ("https://es.internal/path", "es.internal:443"),
        ("https://es.internal:9200", "es.internal:9200"),
        ("http://[::1]:9200", "[::1]:9200"),
        ("https://ben:hidden@es.internal:9200", "es.internal:9200"),
    ],
)
def test_name_and_port_and_never_credentials(url: str, shown: str) -> None:
    assert addresses.shown(url) == shown
