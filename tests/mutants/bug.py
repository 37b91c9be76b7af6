"""One bug to be planted."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bug:
    """`tests`: where its example stands, when not among those of the driver. `searchable`: the search, which runs in
    memory, passes by that code at all."""

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...] = ()
    searchable: bool = True

    def plant(self, project: Path) -> None:
        path = project / self.file
        text = path.read_text()
        if text.count(self.before) != 1:
            raise ValueError(f"{self.name}: its text stands {text.count(self.before)} times in {self.file}, not once")
        path.write_text(text.replace(self.before, self.after))
