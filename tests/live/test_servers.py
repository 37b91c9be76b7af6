import pytest

from infra.local.servers import Server, get

pytestmark = pytest.mark.live


def test_both_elasticsearch_versions_run_side_by_side(elasticsearch: Server, elasticsearch_9: Server) -> None:
    for server in (elasticsearch, elasticsearch_9):
        answer = get(f"{server.url}/_cluster/health")
        assert answer is not None
        assert answer[0] == 200


def test_dynamodb_local_answers(dynamodb_url: str) -> None:
    answer = get(dynamodb_url)
    assert answer is not None
    assert b"MissingAuthenticationToken" in answer[1]
