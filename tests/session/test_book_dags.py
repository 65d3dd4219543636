"""Which files of books a DAG file reads."""

from pathlib import Path

from nightdesk.session.book_dags import needed_for
from nightdesk.session.books import read_books


def test_a_task_reads_its_own_book_alone_and_the_parser_reads_all(tmp_path: Path) -> None:
    for name in ("ours", "theirs", "odd name"):
        (tmp_path / f"{name}.yaml").write_text("[]")

    def read(only: str | None) -> list[str]:
        return sorted(path.stem for path in read_books(tmp_path, needed_for("daily", only)).refused)

    assert read(None) == ["odd name", "ours", "theirs"]
    assert read("daily__ours") == ["ours"]
    assert read("daily__odd_name") == ["odd name"], "a file that is called otherwise than its DAG"
    assert read("hourly__ours") == []
