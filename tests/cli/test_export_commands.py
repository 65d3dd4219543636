"""`nightdesk export` as people call it."""


def test_it_lists_and_writes_and_says_how_much(nightdesk, database, tmp_path):
    assert "bars" in nightdesk("export", "--list").stdout.splitlines()
    place = tmp_path / "runs.parquet"
    told = nightdesk.document("export", "runs", "--out", place)
    assert told == {"table": "runs", "rows": 0, "out": str(place)}
    assert place.exists()


def test_what_is_missing_or_cannot_be_is_said(nightdesk, database, tmp_path):
    place = tmp_path / "x.parquet"
    assert "name a table and where it goes" in nightdesk.refusal("export")
    assert "a span has two ends" in nightdesk.refusal(
        "export", "runs", "--out", place, "--from", "2024-01-02"
    )
    assert "there is no table or view 'run'" in nightdesk.refusal("export", "run", "--out", place)
    assert "there is no folder" in nightdesk.refusal("export", "runs", "--out", tmp_path / "no" / "x.parquet")
    assert not place.exists()
