"""What AWS answers, in our words, once for all adapters of this room."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
)
from botocore.parsers import ResponseParserError

from chalicelib.core.errors import Refused, Retryable

NOT_NOW = frozenset(
    [
        *("Throttling", "ThrottlingException", "Throttled", "ThrottledException", "RequestThrottled"),
        *("RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "KmsThrottled"),
        *("KMSThrottling", "KMSThrottlingException", "PriorRequestNotComplete", "SlowDown", "BandwidthLimitExceeded"),
        *("RequestTimeout", "RequestTimeoutException", "ConcurrentModificationException"),
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
    ]
)
"""4xx codes that mean "ask again": overload, a timeout, credentials that are being replaced."""

NO_ANSWER = (
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ResponseParserError,
)
"""botocore's own: timeouts, broken connections, bodies that nobody can read."""


@contextmanager
def asked(what: str) -> Iterator[None]:
    """Around one call: `what` names it in the error, like `publish to topic x`.

    Retryable: no answer, overload, 5xx. Refused: everything else that was answered, and calls that could not be made.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = f"{what}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        raise (Retryable(message) if code in NOT_NOW or status >= 500 else Refused(message)) from error
    except NO_ANSWER as error:
        raise Retryable(f"{what}: {error}") from error
    except BotoCoreError as error:
        raise Refused(f"{what}: {error}") from error


def code_of(error: ClientError) -> str:
    """SQS still answers some codes under their older name, `AWS.SimpleQueueService.…`."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
