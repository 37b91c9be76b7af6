"""What a key has to be granted for a restore in place, beside what any restore needs: with it all goes through, without
any one of it the server says no."""

import pytest

from chalicelib.core.errors import Refused
from tests.live.secured import Role, Secured
from tests.live.test_security import DOCUMENT, secured  # noqa: F401 - a fixture

NEEDED = (
    "indices:admin/aliases/get",
    "indices:admin/close*",
    "indices:admin/open",
    "indices:admin/settings/update",
)


def granted(*actions: str) -> Role:
    return {"cluster": ["cluster:monitor/state"], "indices": [{"names": ["over-*"], "privileges": list(actions)}]}


def shut_and_open(secured: Secured, role: Role) -> None:  # noqa: F811
    secured.admin.send("DELETE", "/over-live", ok=(200, 404))
    secured.admin.create_index("over-live", documents=1)
    restorer = secured.engine(secured.key(role)).restorer
    live = restorer.standing(["over-live"])[0]
    restorer.close(live.ref)
    restorer.open(live.ref)
    restorer.release(live.ref, live.settings, lifecycle=True)


def test_all_that_the_page_names_is_enough(secured: Secured) -> None:  # noqa: F811
    text = DOCUMENT.read_text()
    assert all(f"`{action}`" in text for action in NEEDED)
    shut_and_open(secured, granted(*NEEDED))


@pytest.mark.parametrize("action", NEEDED)
def test_without_any_one_of_it_the_server_says_no(secured: Secured, action: str) -> None:  # noqa: F811
    with pytest.raises(Refused, match="is needed"):
        shut_and_open(secured, granted(*(other for other in NEEDED if other != action)))
