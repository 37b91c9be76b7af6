"""What DynamoDB answers instead of rows, as the errors of ours that say what the caller does next."""

from collections.abc import Sequence

from pynamodb.exceptions import CancellationReason, PynamoDBException, TransactWriteError

from chalicelib.core.errors import Contended, Refused, Retryable

NOT_NOW = frozenset(
    [
        *("InternalServerError", "InternalFailure", "LimitExceededException", "ProvisionedThroughputExceededException"),
        *("RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "ThrottlingError"),
        *("ThrottlingException", "TransactionConflict", "TransactionConflictException"),
        *("TransactionInProgressException", "ProvisionedThroughputExceeded"),
    ]
)
CONFLICTS = frozenset({"TransactionConflict", "TransactionConflictException"})
LOST = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})


class Lost(Exception):
    """A condition did not hold. `rows`: revision and token of the rows of a transaction whose conditions did not."""

    def __init__(self, rows: Sequence[tuple[float | None, str | None]] = ()) -> None:
        self.rows = rows
        super().__init__("a condition did not hold")


def meaning(error: PynamoDBException) -> Exception:
    """Lost, Contended, Retryable or Refused. What is not known to be a no is no answer."""
    code = _code(error)
    if code in LOST:
        return Lost()
    if isinstance(error, TransactWriteError) and code == "TransactionCanceledException":
        return _cancelled(error)
    if code in NOT_NOW or code.isdigit() or _status(error) >= 500:
        return Retryable(f"no answer from DynamoDB: {error.cause or error}")
    return Refused(f"DynamoDB refused: {error.cause or error}")


def _cancelled(error: TransactWriteError) -> Exception:
    reasons = error.cancellation_reasons
    codes = [reason.code for reason in reasons if reason]
    if LOST.intersection(codes):
        return Lost([_stored(reason) for reason in reasons])
    if CONFLICTS.intersection(codes):
        return Contended("others are writing the same rows")
    if NOT_NOW.intersection(codes):
        return Retryable(f"DynamoDB put the transaction off: {', '.join(codes)}")
    return Refused(f"DynamoDB refused the transaction: {error.cause}")


def _code(error: PynamoDBException) -> str:
    """Of the service's answer; digits when there was none, or none that is DynamoDB's (botocore puts the status there).
    pynamodb's own `cause_response_code` fails on a read timeout, whose `response` is None."""
    answer = getattr(error.cause, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", "0"))


def _status(error: PynamoDBException) -> int:
    """pynamodb keeps the first answer only as the cause of the cause."""
    answer = getattr(getattr(error.cause, "__cause__", None), "response", None) or {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _stored(reason: CancellationReason | None) -> tuple[float | None, str | None]:
    row = (reason.raw_item if reason else None) or {}
    return int(row["rev"]["N"]) if "rev" in row else None, row["token"]["S"] if "token" in row else None
