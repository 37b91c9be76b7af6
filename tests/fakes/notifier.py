from chalicelib.core.messages import Report
from tests.fakes.faults import Faults


class FakeNotifier(Faults):
    def __init__(self) -> None:
        super().__init__()
        self.reports: list[Report] = []

    def report(self, report: Report) -> None:
        self.before()
        self.reports.append(report)
        self.after()
