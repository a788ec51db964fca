"""One user cannot block the others: slots, space and jobs are divided among users."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.api.clients import answered, refusal
from tests.api.live_server import execute
from tests.api.shared_server import SharedServer, shared_server
from tests.small_disk import small_disk
from tools.waiting import wait_until

MIB = 1024**2
SIZE = 16 * MIB
KEPT_FREE = 2 * MIB
FREE = SIZE - KEPT_FREE
SHARE = FREE * 3 // 4
SIMULTANEOUS = 32
SLOTS_OF_ONE = 24
JOBS = 3


@pytest.fixture(scope="module")
def disk(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """Yield a server with a small disk."""
    with (
        small_disk(tmp_path_factory.mktemp("small") / "spool", SIZE) as spool,
        shared_server(spool, database_url, INGEST_SPOOL_KEPT_FREE=KEPT_FREE, INGEST_RECEIVE_TIMEOUT=300) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def slots(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """Yield a server with the documented slots, and few jobs for each user."""
    spool = tmp_path_factory.mktemp("slots") / "spool"
    spool.mkdir()
    with shared_server(spool, database_url, INGEST_USER_JOBS=SLOTS_OF_ONE + JOBS, INGEST_RECEIVE_TIMEOUT=300) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("disk", "slots"):
        if name in request.fixturenames:
            forget(request.getfixturevalue(name))


def forget(shared: SharedServer) -> None:
    """Wait until no upload is in progress, and remove all jobs."""
    wait_until(lambda: shared.server.uploads() == 0, 60, lambda: f"{shared.server.uploads()} uploads remain")
    for path in shared.server.spool.iterdir():
        path.unlink()
    execute(shared.server.database_url, "DELETE FROM job RETURNING 1")


def await_uploads(shared: SharedServer, count: int) -> None:
    wait_until(lambda: shared.server.uploads() == count, 60, lambda: f"{shared.server.uploads()} uploads began")


def test_an_upload_that_announces_all_free_space_is_refused_and_another_users_upload_is_accepted(
    disk: SharedServer,
) -> None:
    with disk.begin("ada", FREE) as connection:
        status, document, headers = answered(connection)
    assert (status, document["code"]) == (429, "user_space_limit")
    assert document["message"].startswith("your uploads and bundles")
    assert int(headers["Retry-After"]) > 0
    with disk.begin("ada", SHARE) as connection:
        await_uploads(disk, 1)
        assert disk.send("bob", 2 * MIB).status_code == 200
        assert disk.is_ready()
        connection.shutdown(2)


def test_further_connections_do_not_extend_the_share_of_a_user(disk: SharedServer) -> None:
    with disk.begin("ada", SHARE - MIB):
        await_uploads(disk, 1)
        with disk.begin("ada", 2 * MIB) as second:
            assert refusal(second) == "429 user_space_limit"
        assert disk.send("ada", MIB // 2).status_code == 200
        with disk.begin("ada", MIB) as third:
            assert refusal(third) == "429 user_space_limit"


def test_chunks_are_refused_beyond_the_share_of_their_user(disk: SharedServer) -> None:
    with disk.server.connect() as connection:
        connection.sendall(disk.head("ada", "Transfer-Encoding: chunked") + b"%x\r\n" % SIZE)
        connection.sendall(b"x" * (SHARE + MIB))
        assert refusal(connection) == "429 user_space_limit"
    assert disk.send("bob", 2 * MIB).status_code == 200


def test_bundles_that_wait_in_the_spool_count_towards_the_share(disk: SharedServer) -> None:
    for _ in range(2):
        assert disk.send("ada", 5 * MIB).status_code == 200
    answer = disk.send("ada", MIB)
    assert (answer.status_code, answer.json()["code"]) == (429, "user_space_limit")
    assert disk.send("bob", MIB).status_code == 200


def test_thirty_two_slow_uploads_of_one_user_leave_slots_for_another_user(slots: SharedServer) -> None:
    with ExitStack() as connections:
        held = [connections.enter_context(slots.begin("ada", 50_000)) for _ in range(SLOTS_OF_ONE)]
        await_uploads(slots, SLOTS_OF_ONE)
        for _ in range(SIMULTANEOUS - SLOTS_OF_ONE):
            with slots.begin("ada", 50_000) as connection:
                status, document, headers = answered(connection)
            assert (status, document["code"]) == (429, "user_uploads_limit")
            assert document["message"].startswith(f"{SLOTS_OF_ONE} of your uploads are in progress")
            assert int(headers["Retry-After"]) > 0
        assert slots.send("bob").status_code == 200
        held[0].close()
        await_uploads(slots, SLOTS_OF_ONE - 1)
        assert slots.send("ada").status_code == 200


def test_a_share_is_a_fraction_of_the_slots_that_other_users_leave_free(slots: SharedServer) -> None:
    with ExitStack() as connections:
        for count in range(SIMULTANEOUS // 2):
            connections.enter_context(slots.begin("bob", 50_000))
            await_uploads(slots, count + 1)
        most = SIMULTANEOUS // 2 * 3 // 4
        for count in range(most):
            connections.enter_context(slots.begin("ada", 50_000))
            await_uploads(slots, SIMULTANEOUS // 2 + count + 1)
        with slots.begin("ada", 50_000) as connection:
            assert refusal(connection) == "429 user_uploads_limit"


def test_a_user_with_too_many_unfinished_jobs_waits_and_another_user_does_not(slots: SharedServer) -> None:
    for _ in range(SLOTS_OF_ONE + JOBS):
        assert slots.send("ada").status_code == 200
    answer = slots.send("ada")
    assert (answer.status_code, answer.json()["code"]) == (429, "user_jobs_limit")
    assert int(answer.headers["Retry-After"]) > 0
    assert slots.send("bob").status_code == 200
    execute(
        slots.server.database_url, "UPDATE job SET outcome = 'catalogued' WHERE submitted_by LIKE 'ada%' RETURNING 1"
    )
    assert slots.send("ada").status_code == 200
