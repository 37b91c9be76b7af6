"""The two kinds of findings that a plan is judged by: what forbids its start, and what to know before it. Pure."""

from chalicelib.core.model import Finding, Severity


def conflict(code: str, subject: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=subject, message=message, next_step=fix)


def note(code: str, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=subject, message=message, next_step=next_step)
