"""How wide the columns of a table are, and which of them there is room for."""

from collections.abc import Sequence

from rich.cells import cell_len

GAP = 2
"""Columns of the terminal between two of the table."""
EASY = 30
"""So wide a column is easily read, however long what stands in it."""
WORD = 24
"""No word up to this length is broken (`America/New_York`)."""


def fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int,
    *,
    whole: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> dict[str, int]:
    """By heading, those that are shown. One in `whole` is as wide as its longest cell, any other at least as its
    longest word. Those in `spare` go first, in this order, as long as the others are wider than `room` though none is
    wider than `EASY`. What still does not fit is wider than `room`: the terminal folds it."""
    cells = {column: [column, *(row[place] for row in rows)] for place, column in enumerate(columns)}
    widest = {column: max(map(cell_len, found)) for column, found in cells.items()}
    least = {column: widest[column] if column in whole else _longest_word(found) for column, found in cells.items()}
    shown = list(columns)
    for column in spare:
        if _wide([max(least[each], min(widest[each], EASY)) for each in shown]) <= room:
            break
        if column in shown:
            shown.remove(column)
    widths = {column: widest[column] for column in shown}
    while _wide(list(widths.values())) > room:
        loose = max(shown, key=lambda column: widths[column] - least[column])
        if widths[loose] == least[loose]:
            break
        widths[loose] -= 1
    return widths


def _longest_word(cells: Sequence[str]) -> int:
    words = [cell_len(word) for cell in cells for word in cell.split()]
    return max(cell_len(cells[0]), min(max(words, default=0), WORD), 1)


def _wide(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
