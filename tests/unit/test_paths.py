import os
import stat
from pathlib import Path

import pytest

from infra.local.errors import CannotStart
from infra.local.paths import cache_folder, places, require_space, server_user

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make files of another user")


def _environ(tmp_path: Path) -> dict[str, str]:
    return {"SNAPWARDEN_CACHE": str(tmp_path / "cache"), "SNAPWARDEN_SERVERS": str(tmp_path / "servers")}


def test_the_folders_exist_and_the_link_points_at_the_servers(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    old = os.umask(0o077)
    try:
        found = places(checkout, _environ(tmp_path))
    finally:
        os.umask(old)
    assert found.logs == checkout / ".local" / "logs"
    assert found.logs.is_dir()
    assert found.cache.is_dir()
    assert (checkout / ".local" / "servers").resolve() == found.servers
    assert stat.S_IMODE(found.servers.stat().st_mode) == 0o755


def test_a_link_of_a_copied_checkout_is_replaced(tmp_path: Path) -> None:
    local = tmp_path / "checkout" / ".local"
    local.mkdir(parents=True)
    (local / "servers").symlink_to("/nowhere")
    found = places(tmp_path / "checkout", _environ(tmp_path))
    assert (local / "servers").readlink() == found.servers


def test_two_checkouts_have_two_servers_folders(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(places(tmp_path / name, {"SNAPWARDEN_CACHE": str(tmp_path / "cache")}).servers)
    try:
        assert made[0] != made[1]
        assert {folder.stat().st_uid for folder in made} == {os.geteuid()}
    finally:
        for folder in made:
            folder.rmdir()


@pytest.mark.parametrize("plant", ["link", "file"])
def test_what_somebody_planted_is_refused(plant: str, tmp_path: Path) -> None:
    if plant == "link":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "servers").symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "servers").touch()
    with pytest.raises(CannotStart, match="no folder"):
        places(tmp_path, _environ(tmp_path))


@ROOT_ONLY
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    os.chown(tmp_path / "servers", 12345, 12345)
    with pytest.raises(CannotStart, match="belongs to another user"):
        places(tmp_path, _environ(tmp_path))


def test_a_folder_that_others_could_write_is_closed(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers").chmod(0o777)
    places(tmp_path, _environ(tmp_path))
    assert stat.S_IMODE((tmp_path / "servers").stat().st_mode) == 0o755


def test_the_cache_follows_the_environment() -> None:
    assert cache_folder({"SNAPWARDEN_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/snapwarden")
    assert cache_folder({}) == Path.home() / ".cache" / "snapwarden"


def test_too_little_space_is_said_once_for_each_disk(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        require_space([tmp_path / "not" / "yet", tmp_path], needed=1 << 60)
    said = str(caught.value)
    assert said.count("GB free") == 1
    assert "1073741824 GB are needed" in said
    assert "SNAPWARDEN_CACHE" in said
    require_space([tmp_path], needed=1)


def test_only_root_needs_another_user() -> None:
    user = server_user()
    assert (user is None) == (os.geteuid() != 0)
    assert user is None or user.uid != 0
