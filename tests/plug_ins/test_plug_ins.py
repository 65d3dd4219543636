"""Files of a user's own: found when they are named, refused one by one, and never in the way of others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plug_ins.conftest import PROJECT, Home, strategy

from nightdesk import factors, plug_ins, risk, strategies
from nightdesk.core.errors import Refused
from nightdesk.session.books import read_book, read_books

OWN = {"strategies": {"mine": {"share": 1.0}}}


def test_a_book_that_names_a_file_of_the_users_is_read(home: Home) -> None:
    home.write("mine.py", strategy("mine"))
    assert tuple(read_book(home.book(**OWN)).strategies) == ("mine",)
    ((tried, plug_in),) = plug_ins.attempts()
    assert tried.fault == ""
    assert plug_in is not None
    assert plug_in.entered == [("strategy", "mine")]


def test_a_book_of_the_packages_own_imports_no_file(home: Home) -> None:
    home.write("mine.py", "raise RuntimeError('imported')")
    read_book(home.book())
    assert "nightdesk.own" not in sys.modules


def test_a_file_that_raises_refuses_the_book_that_names_it_with_line_and_reason_and_no_other(
    home: Home,
) -> None:
    path = home.write("mine.py", strategy("mine", "\n\nprint(1 / 0)"))
    home.write("other.py", strategy("other"))
    bad, good = home.book(**OWN), home.book("plain")
    well = home.book("well", strategies={"other": {"share": 1.0}})
    found = read_books(home.root / "books")
    assert set(found.books) == {good, well}
    assert set(found.refused) == {bad}
    assert "strategies.mine: there is no strategy 'mine'" in found.refused[bad]
    assert f"{path}, line 8: could not be imported: ZeroDivisionError: division by zero" in found.refused[bad]
    assert str(home.own) in found.refused[bad]
    assert "mine" not in strategies.names(), "half of the file stayed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", "mine.py, line 1: could not be imported: SyntaxError"),
        ("import sys\nsys.exit('no licence')\n", "mine.py, line 2: could not be imported: SystemExit: no"),
        (
            "import no_such_package\n",
            "mine.py, line 1: could not be imported: ModuleNotFoundError: No module",
        ),
        (
            "from nightdesk.own.absent import x\n",
            "mine.py, line 1: could not be imported: ModuleNotFoundError",
        ),
        ("\0", "mine.py: could not be imported: "),
    ],
)
def test_whatever_keeps_a_file_from_being_imported_is_one_line_of_the_error(
    home: Home, text: str, words: str
) -> None:
    home.write("mine.py", text)
    with pytest.raises(Refused) as error:
        read_book(home.book(**OWN))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_was_mended_is_imported_at_the_next_look(home: Home) -> None:
    home.write("mine.py", "oh no")
    book = home.book(**OWN)
    with pytest.raises(Refused):
        read_book(book)
    home.write("mine.py", strategy("mine"))
    assert read_book(book).name == "two_funds"


def test_a_file_whose_name_is_no_module_is_refused_and_helpers_and_tests_are_no_plug_ins(home: Home) -> None:
    home.write("my-strategy.py", strategy("mine"))
    for name in ("_words.py", "test_mine.py", "conftest.py", "notes.txt"):
        home.write(name, "raise RuntimeError")
    ((tried, plug_in),) = plug_ins.attempts()
    assert plug_in is None
    assert "my-strategy.py: 'my-strategy' is no name of a module: rename it" in tried.fault


def test_a_name_of_the_package_is_not_shadowed(home: Home) -> None:
    home.write("mine.py", strategy("rotation"))
    home.book(strategies={"rotation": {"share": 1.0}})
    (tried,) = (one for one, _ in plug_ins.attempts())
    assert "mine.py, line 3: could not be imported: the package has a strategy named rotation" in tried.fault
    assert strategies.make("rotation").__class__.__module__ == "nightdesk.strategies.rotation"
    assert read_books(home.root / "books").refused == {}


def test_two_files_with_one_name_are_refused_with_both_places_and_others_go_on(home: Home) -> None:
    home.write("a.py", strategy("mine"))
    home.write("b.py", strategy("mine"))
    home.write("c.py", strategy("third"))
    with pytest.raises(Refused) as error:
        read_book(home.book(**OWN))
    assert f"two plug-ins are a strategy named mine: {home.own}/a.py and {home.own}/b.py" in str(error.value)
    assert read_book(home.book("other", strategies={"third": {"share": 1.0}}))


def test_a_slow_file_is_told_with_its_time(
    home: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plug_ins, "SLOW_SECONDS", 0.2)
    path = home.write("mine.py", f"import time\ntime.sleep(0.3)\n{strategy('mine')}")
    read_book(home.book(**OWN))
    (told,) = (one.getMessage() for one in caplog.records if one.name == "nightdesk.plug_ins")
    assert told.startswith(f"{path} took 0.")
    assert "import what is heavy inside the function that needs it" in told


def test_the_error_of_an_unknown_name_has_near_ones_of_the_users_too(home: Home) -> None:
    home.write("mine.py", strategy("turtle"))
    with pytest.raises(Refused, match=r"there is no strategy 'turtel'; did you mean turtle\?") as error:
        strategies.make("turtel")
    assert f"looked for in {home.own} and in the entry points nightdesk.plugins" in str(error.value)


FACTOR = """
from nightdesk.factors import factor
@factor({pattern!r}, look_back=lambda **_: 1)
def own(source, **numbers):
    return source.close
"""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("sma_{n}", "the package has a factor named sma_{n} already"),
        ("sma_200", "factors sma_200 have names of the family sma_{n}, which is of the package itself"),
        ("rank_of_{n}", "factors rank_of_{n} have names of the family rank_{base}"),
        ("mean_{n}_of(mine)", "have names of the family mean_{n}_of({base})"),
        ("mine_{period}", "{period} is no number that a name holds: take n, months"),
        ("h:mine", "a name has no @ and no :"),
    ],
)
def test_a_family_of_factors_takes_no_name_of_another(home: Home, pattern: str, words: str) -> None:
    home.write("mine.py", FACTOR.format(pattern=pattern))
    (tried,) = (one for one, _ in plug_ins.attempts())
    assert words in tried.fault


def test_families_of_two_files_that_share_a_name_are_refused_by_it_alone(home: Home) -> None:
    home.write("a.py", FACTOR.format(pattern="mine_{n}_7"))
    home.write("b.py", FACTOR.format(pattern="mine_7_{n}"))
    assert factors.resolve("mine_3_7").name == "mine_3_7"
    with pytest.raises(
        Refused, match=r"factor 'mine_7_7' is of two families, mine_{n}_7 of .*a\.py and mine"
    ):
        factors.resolve("mine_7_7")


RULE = """
from nightdesk.risk import Rule, Ruling, register
@register
class Own(Rule):
    name, order, subject, sentence = {name!r}, {order}, "entries", "{{value}} {{limit}}"
    always = {always}
    def apply(self, wanted, held, situation):
        return Ruling(wanted, 0.0, 0.0)
"""


@pytest.mark.parametrize(
    ("order", "always", "words"),
    [
        (51, False, "rule mine has the place 51 in the gate, which"),
        (57, True, "rule mine is `always` in the gate: let books name it under `limits`"),
    ],
)
def test_a_rule_takes_no_place_of_another_and_is_in_no_gate_unasked(
    home: Home, order: int, always: bool, words: str
) -> None:
    home.write("mine.py", RULE.format(name="mine", order=order, always=always))
    (tried,) = (one for one, _ in plug_ins.attempts())
    assert words in tried.fault
    assert "mine" not in risk.rule_names()


def test_a_verdict_of_a_rule_that_is_gone_still_has_its_numbers(home: Home) -> None:
    from nightdesk.risk.rule import reason_in_words

    path = home.write("mine.py", RULE.format(name="mine", order=57, always=False))
    assert reason_in_words("mine", 1.0, 2.0) == "1.0 2.0"
    path.unlink()
    plug_ins.forget()
    assert reason_in_words("mine", 1.0, 2.0) == "1 against 2, by a rule mine that is not there any more"


def test_a_folder_with_an_init_is_a_plug_in_and_files_may_share_helpers(home: Home) -> None:
    home.write("_names.py", "NAME = 'mine'\n")
    home.write(
        "pack/__init__.py", f"from nightdesk.own._names import NAME\n{strategy('x')}".replace("'x'", "NAME")
    )
    assert strategies.make("mine").name == "mine"


def run(home: Home, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=home.root,
        env={**os.environ, "PYTHONPATH": f"{PROJECT / 'include'}:{home.root}", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_entry_point_of_an_installed_package_is_found_and_the_command_lists_all(home: Home) -> None:
    package, info = home.root / "their_desk", home.root / "their_desk-2.1.dist-info"
    for folder in (package, info):
        folder.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rules.py").write_text(strategy("theirs"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-desk\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text(
        "[nightdesk.plugins]\nrules = their_desk.rules\ngone = their_desk.no\n"
    )
    home.write("mine.py", strategy("mine"))
    home.write("empty.py", "")
    home.book(strategies={"theirs": {"share": 0.5}, "mine": {"share": 0.5}})
    assert run(home, "nightdesk", "books", "two_funds").returncode == 0
    done = run(home, "nightdesk", "plug-ins", "--json")
    assert done.returncode == 1, "one of them could not be imported"
    place = "entry point gone (their_desk.no) of their-desk 2.1"
    assert f"nightdesk: {place}: could not be imported: ModuleNotFoundError" in done.stderr
    listed = json.loads(done.stdout)
    rows = {(one["kind"], one["name"]): one["from"] for one in listed["plug_ins"]}
    assert rows.pop(("strategy", "mine")) == str(home.own / "mine.py")
    assert rows.pop(("strategy", "theirs")) == "entry point rules (their_desk.rules) of their-desk 2.1"
    assert {("strategy", "rotation"), ("rule", "cash"), ("feed", "sample"), ("broker", "paper")} <= set(rows)
    assert set(rows.values()) == {"the package itself"}
    assert {Path(one["place"]).name for one in listed["files"] if not one["holds"] and not one["fault"]} == {
        "empty.py"
    }


def test_airflow_imports_no_file_of_the_users_as_its_own_plug_in(home: Home) -> None:
    from airflow._shared.module_loading.file_discovery import find_path_from_directory

    home.write("mine.py", strategy("mine"))
    (home.root / "plugins" / "theirs.py").write_text("")
    (home.root / "plugins" / ".airflowignore").write_text(
        (PROJECT / "plugins" / ".airflowignore").read_text()
    )
    found = find_path_from_directory(str(home.root / "plugins"), ".airflowignore")
    assert [Path(one).name for one in found] == ["theirs.py"]
