"""JSON Schema of the file, from the models: editors complete and check with it. It cannot say everything that `load`
checks, and it never refuses what `load` takes."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from chalicelib.core.config.load import VERSION
from chalicelib.core.notations import NAME_SCHEMA
from chalicelib.core.spec import Policy, Target
from chalicelib.core.values import format_duration, format_percent

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _AsWritten(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Defaults in the notation of the file."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Decimal):
            return format_percent(dft)
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_none=True)
        if isinstance(dft, Sequence) and not isinstance(dft, str):
            return [self.encode_default(item) for item in dft]
        return super().encode_default(dft)


def schema() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Any]] = [(Target, "validation"), (Policy, "validation")]
    _, made = models_json_schema(models, ref_template="#/$defs/{model}", schema_generator=_AsWritten)
    parts: dict[str, Any] = made["$defs"]
    for part in parts.values():
        _tidy(part)
    for name in ("Target", "Policy"):
        del parts[name]["properties"]["name"]
        parts[name]["required"].remove("name")
    parts["Check"] = {"anyOf": [{"enum": ["doc_count", "mapping"]}, {**parts["Check"], "minProperties": 1}]}
    parts["Auth"] |= {"minProperties": 1, "maxProperties": 2}
    return {
        "$schema": DIALECT,
        "title": "snapwarden.yaml",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "targets", "policies"],
        "properties": {
            "version": {"const": VERSION},
            "targets": {**_named("Target"), "minProperties": 1, "description": "clusters and stores to protect"},
            "policies": {**_named("Policy"), "description": "what is backed up, when, and how it is proved"},
        },
        "$defs": parts,
    }


def _named(model: str) -> dict[str, Any]:
    return {"type": "object", "propertyNames": NAME_SCHEMA, "additionalProperties": {"$ref": f"#/$defs/{model}"}}


def _tidy(part: Any) -> None:
    """Titles say what the key says; an empty value (null) is a mistake in the file."""
    if isinstance(part, list):
        for item in part:
            _tidy(item)
        return
    if not isinstance(part, dict):
        return
    if isinstance(part.get("title"), str):
        del part["title"]
    if "anyOf" in part:
        kinds = [kind for kind in part["anyOf"] if kind != {"type": "null"}]
        if len(kinds) == 1:
            del part["anyOf"]
            part |= {**kinds[0], **part}
        else:
            part["anyOf"] = kinds
    if part.get("default", 0) is None:
        del part["default"]
    for key, value in part.items():
        if key not in ("default", "enum", "const"):
            _tidy(value)
