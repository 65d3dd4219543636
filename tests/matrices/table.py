"""Tables as the matrices print them."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, numbers to the right; a table of Markdown."""
    cells = [[str(one).replace("|", "\\|") for one in row] for row in (head, *rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    numeric = [all(isinstance(row[n], int | float) for row in rows) for n in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(
                one.rjust(width) if right else one.ljust(width)
                for one, width, right in zip(row, widths, numeric, strict=True)
            )
            + " |"
        )

    rule = (
        "|"
        + "|".join(
            "-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, numeric, strict=True)
        )
        + "|"
    )
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])
