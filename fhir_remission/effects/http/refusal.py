"""An answer that is not what was asked for, as the error that says what to do next."""

from __future__ import annotations

from fhir_remission.effects.http.transport import Answer
from fhir_remission.errors import Conflict, LoginRefused, RemissionError, RequestRefused
from fhir_remission.fhir.r4.outcome import Issue, is_failure, read_answer

CONFLICTS = frozenset({409, 412})


def refusal(host: str, label: str, answer: Answer) -> RemissionError:
    """Return the error for a final answer; codes only, because texts may name patients."""
    issues = read_answer(answer.body)
    said = f"{host}: {label}: status {answer.status}{_codes(issues)}"
    if answer.status == 401:
        return LoginRefused(f"{said}: check the login and its scopes")
    if answer.status in CONFLICTS:
        return Conflict(said, status=answer.status)
    return RequestRefused(said, status=answer.status)


def is_done(answer: Answer) -> bool:
    """Say whether the answer means success: some servers send errors with status 200."""
    return 200 <= answer.status < 300 and not is_failure(read_answer(answer.body))


def vendor_codes(answer: Answer) -> frozenset[str]:
    """Return the codes in which vendors say the real reason (Epic 4113)."""
    return frozenset(code for issue in read_answer(answer.body) for code in issue.details)


def _codes(issues: tuple[Issue, ...]) -> str:
    words = dict.fromkeys(
        " ".join((issue.code or "?", *issue.details)) for issue in issues if issue.severe
    )
    return f" ({', '.join(words)[:200]})" if words else ""
