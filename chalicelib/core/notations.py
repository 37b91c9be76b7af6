"""The types of single values in the file users write, each with its notation there and in stored rows (`values.py`)."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, WithJsonSchema

from chalicelib.core.values import (
    A_DURATION,
    A_NAME,
    A_PERCENTAGE,
    A_SIZE,
    check_index_pattern,
    check_name,
    check_prefix,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
    parse_size,
    rule,
)

DURATION_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]$", "description": A_DURATION}
_SIZE = {"anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,3})?([KMGTP]i?B|B)$"}, {"type": "integer"}]}
_PERCENT = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3})?%$"}
_SCHEDULE = {"type": "string", "description": 'cron of five fields or "rate(6 hours)"'}

Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0, le=10_000)]
Amount = Annotated[int, Strict(), Field(ge=0, le=10**15)]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema(DURATION_SCHEMA),
]
Size = Annotated[
    int, BeforeValidator(parse_size), Field(ge=0, le=10**18), WithJsonSchema({**_SIZE, "description": A_SIZE})
]
Percent = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    Field(ge=0, le=1),
    PlainSerializer(format_percent, return_type=str, when_used="json"),
    WithJsonSchema({**_PERCENT, "description": A_PERCENTAGE}),
]
NAME_SCHEMA = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,39}$", "description": A_NAME}
Name = Annotated[str, rule(check_name), WithJsonSchema(NAME_SCHEMA)]
Prefix = Annotated[str, rule(check_prefix)]
IndexPattern = Annotated[str, rule(check_index_pattern)]
IndexPatterns = tuple[IndexPattern, ...]
Words = tuple[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,99}$")], ...]
Schedules = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_SCHEDULE, {"type": "array", "items": _SCHEDULE}]}),
]


class Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
