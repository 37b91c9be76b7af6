"""What a key has to be granted for a swap: with all that docs/security.md names it goes through, without any one of it
the server says no."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexRef
from chalicelib.core.swaps import Alias, CloneOrder, Does, Repoint
from tests.elastic_admin import wait
from tests.live.secured import Role, Secured
from tests.live.test_security import DOCUMENT, secured  # noqa: F401 - a fixture

NEEDED = (
    "indices:admin/block/add",
    "indices:admin/resize",
    "indices:admin/refresh",
    "indices:monitor/stats",
    "indices:admin/aliases",
    "indices:admin/settings/update",
    "indices:admin/delete",
)


def granted(*actions: str) -> Role:
    return {"cluster": ["cluster:monitor/state"], "indices": [{"names": ["swap-*"], "privileges": list(actions)}]}


def swap_and_back(secured: Secured, role: Role) -> None:  # noqa: F811
    for name in secured.admin.send("GET", "/swap-*/_settings"):
        secured.admin.send("DELETE", f"/{name}")
    for name in ("swap-live", "swap-new"):
        secured.admin.create_index(name, documents=1)
    engine = secured.engine(secured.key(role))
    restorer = engine.restorer
    live = restorer.standing(["swap-live"])[0]
    restorer.block(live.ref)
    restorer.clone(CloneOrder(source=replace(live.ref, settings=live.settings), name="swap-live-before-1", mark=7))
    clone: IndexRef = restorer.standing(["swap-live-before-1"])[0].ref
    wait(lambda: len(engine.counts([live.ref, clone], refresh=True)) == 2, "the clone is there")
    alias = Alias(name="swap-live")
    restorer.repoint(
        [
            Repoint(does=Does.REMOVE_INDEX, index="swap-live"),
            Repoint(does=Does.ADD, index="swap-new", alias=alias),
        ]
    )
    restorer.reopen(clone)
    restorer.repoint(
        [
            Repoint(does=Does.REMOVE, index="swap-new", alias=alias),
            Repoint(does=Does.ADD, index=clone.name, alias=alias),
        ]
    )
    assert restorer.remove(restorer.standing(["swap-new"])[0].ref)


def test_all_that_the_page_names_is_enough(secured: Secured) -> None:  # noqa: F811
    text = DOCUMENT.read_text()
    assert all(f"`{action}`" in text for action in NEEDED)
    swap_and_back(secured, granted(*NEEDED))


@pytest.mark.parametrize("action", NEEDED)
def test_without_any_one_of_it_the_server_says_no(secured: Secured, action: str) -> None:  # noqa: F811
    with pytest.raises(Refused, match="is needed"):
        swap_and_back(secured, granted(*(other for other in NEEDED if other != action)))
