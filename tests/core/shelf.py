"""A journal of the story's own: it keeps records in memory, and gives back what a new life would find in a real one.

It follows the contract of `daemon.core.records.RecoveredCase` and nothing else; it knows no file and no database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.records import Concluded, Moved, RecoveredCase, RecoveredRequest, RequestOpened

if TYPE_CHECKING:
    from daemon.core.records import CaseId, Record, RequestKey


class Shelf:
    """All records, in the order in which they were written."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)

    def found(self, upto: int | None = None) -> list[RecoveredCase]:
        """Give every case that still has a request, as if all were young enough; ``upto`` cuts the journal's tail."""
        records = self.records[:upto]
        opened: dict[RequestKey, RequestOpened] = {}
        now_in: dict[RequestKey, CaseId] = {}
        left: dict[RequestKey, list[tuple[CaseId, int]]] = {}
        told: dict[RequestKey, Concluded] = {}
        for index, record in enumerate(records):
            match record:
                case RequestOpened():
                    opened[record.request.key] = record
                    now_in[record.request.key] = record.case
                    left[record.request.key] = []
                case Moved():
                    left[record.key].append((record.case, index))
                    now_in[record.key] = record.into
                case Concluded():
                    told[record.key] = record
                case _:
                    pass
        cases: dict[CaseId, list[RequestKey]] = {}
        for key, case_id in now_in.items():
            cases.setdefault(case_id, []).append(key)
        return [
            RecoveredCase(
                case_id,
                tuple(_request(opened[key], told.get(key)) for key in keys),
                tuple(record for record in records if record.case == case_id),
                _former(records, [stay for key in keys for stay in left[key] if stay[0] != case_id]),
            )
            for case_id, keys in cases.items()
        ]


def _request(opened: RequestOpened, told: Concluded | None) -> RecoveredRequest:
    report = told.report if told is not None else None
    return RecoveredRequest(opened.request, report, report.revision if report is not None else 0, opened.t)


def _former(records: list[Record], stays: list[tuple[CaseId, int]]) -> tuple[Record, ...]:
    until: dict[CaseId, int] = {}
    for case_id, index in stays:
        until[case_id] = max(index, until.get(case_id, -1))
    return tuple(record for index, record in enumerate(records) if index <= until.get(record.case, -1))
