"""`nightdesk data-docs` as people call it."""


def test_it_says_what_to_do_where_nothing_is_stored(nightdesk, database, tmp_path):
    said = nightdesk.refusal("data-docs", "multi_asset", "--out", tmp_path / "docs")
    assert "nothing is stored that Great Expectations said of it" in said
    assert "nightdesk run multi_asset" in said
    assert not (tmp_path / "docs").exists()


def test_the_newest_session_has_pages_after_its_run(nightdesk, database, project, tmp_path):
    nightdesk("run", "multi_asset", "--session", "newest")
    told = nightdesk.document("data-docs", "multi_asset", "--out", tmp_path / "docs")
    assert told == {"book": "multi_asset", "pages": 1, "index": str(tmp_path / "docs" / "index.html")}
    (page,) = (tmp_path / "docs").glob("2*/checks.html")
    assert "volume_mismatch" in page.read_text()
    assert "from " + told["index"] in nightdesk("data-docs", "multi_asset", "--out", tmp_path / "docs").stdout
