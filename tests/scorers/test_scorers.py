"""Scorers of headlines."""

import subprocess
import sys
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused
from nightdesk.scorers import check, finbert, make


def test_the_lexicon_tells_good_from_bad_and_knows_negation() -> None:
    good, bad, plain, negated, none = make("lexicon").score(
        [
            "Company wins award for excellent growth",
            "Firm sued for fraud after terrible losses",
            "Board meets on Tuesday",
            "This was not a success",
            "",
        ]
    )
    assert good > 0.3
    assert bad < -0.3
    assert plain == 0
    assert negated < 0
    assert none == 0


def test_a_score_depends_on_nothing_but_its_text() -> None:
    texts = [f"Apple {word} investors" for word in ("pleases", "hurts", "thrills", "meets", "hurts")]
    together = make("lexicon").score(texts)
    assert together.tolist() == [float(make("lexicon").score([one])[0]) for one in texts]
    assert (abs(together) <= 1).all()


def test_an_unknown_scorer_is_refused() -> None:
    with pytest.raises(Refused, match="there is no scorer of headlines 'oracle'; known are finbert, lexicon"):
        make("oracle")
    with pytest.raises(Refused, match="there is no scorer of headlines 'oracle'"):
        check("oracle")


def test_finbert_without_its_package_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finbert.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"needs the package transformers.*pip install -e '.\[finbert\]'"):
        make("finbert", {})


def test_finbert_without_its_weights_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(finbert.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(Refused, match="NIGHTDESK_FINBERT names no folder"):
        check("finbert", {})
    with pytest.raises(Refused, match=r"no weights of FinBERT here \(expected config.json and model"):
        check("finbert", {"NIGHTDESK_FINBERT": str(tmp_path)})
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    check("finbert", {"NIGHTDESK_FINBERT": str(tmp_path)})


def test_finbert_is_the_positive_share_less_the_negative_one(tmp_path: Path) -> None:
    """With the true library and a tiny model of the same kind, where the library is installed."""
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "profit", "loss"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    labels = {0: "positive", 1: "negative", 2: "neutral"}
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, num_labels=3, id2label=labels, label2id={v: k for k, v in labels.items()},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    scorer = make("finbert", {"NIGHTDESK_FINBERT": str(tmp_path)})
    scores = scorer.score(["profit", "loss loss loss", "profit"])
    assert (abs(scores) <= 1).all()
    assert scores[0] == scores[2] == scorer.score(["profit"])[0]


def test_importing_the_scorers_brings_no_heavy_library() -> None:
    program = (
        "import sys, nightdesk.scorers, nightdesk.feeds.news_sources; "
        "print([one for one in ('vaderSentiment', 'transformers', 'torch', 'alpaca', 'pandas') "
        "if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
