"""`nightdesk audit`."""

import json

import pytest

SPAN = ("--from", "2022-06-01", "--to", "2022-12-30")


@pytest.fixture(scope="module")
def audited(bars, tmp_path_factory):
    """Both audits of a half-year, on bars from the middle of 2019 on."""
    from tests.cli.conftest import Command

    out = tmp_path_factory.mktemp("audit") / "found.json"
    command = ("audit", "multi_asset", *SPAN, "--cuts", "2", "--feed", f"files:{bars}", "--out", out)
    return out, Command().document(*command)


def test_a_book_passes_both_audits_and_the_document_is_written(audited):
    out, told = audited
    assert told["passed"]
    ahead, warm = told["look_ahead"], told["warm_up"]
    assert ahead["passed"]
    assert len(ahead["cuts"]) == 2
    assert all(one["differences"] == [] and one["decisions"] > 20 for one in ahead["cuts"])
    assert ahead["orders"] > 0
    assert ahead["read_again"] == []
    assert ahead["read_again_until"] in [one["last"] for one in ahead["cuts"]]
    assert warm["declared"] == 504
    assert warm["needed"] == 252, "the rank of the momentum of twelve months, without the decision's own bar"
    assert {one["factor"]: one["declared"] for one in warm["factors"]}["sma_200"] == 200
    assert all(one["passed"] for one in warm["factors"])
    assert told["evidence"] is None
    assert json.loads(out.read_text()) == told


def test_the_text_names_each_cut_and_each_beginning(nightdesk, bars):
    text = nightdesk(
        "audit", "multi_asset", *SPAN, "--cuts", "1", "--look-ahead", "--feed", f"files:{bars}"
    ).stdout
    assert "audit of multi_asset from 2022-06-01 to 2022-12-30: passed" in text
    assert "decisions: the same" in text
    assert "bars and universe read up to" in text
    assert "warm-up" not in text


def test_a_span_without_enough_history_is_not_judged_and_fails(nightdesk, bars):
    told = nightdesk(
        "audit", "multi_asset", "--from", "2021-06-01", "--to", "2021-06-01", "--cuts", "2",
        "--warm-up", "--feed", f"files:{bars}", status=1,
    ).stdout  # fmt: skip
    assert "FAILED" in told
    assert "NOT JUDGED: no beginning has more history than is declared" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audit", "multi_asset", "--from", "2022-06-04", "--to", "2022-06-05"), "there is no session"),
        (("audit", "no_such_book", *SPAN), "no_such_book"),
    ],
)
def test_what_cannot_be_audited_is_refused(nightdesk, arguments, said):
    assert said in nightdesk.refusal(*arguments)
