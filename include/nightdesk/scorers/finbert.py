"""The `finbert` scorer: a language model made for financial texts (Araci 2019), where its weights are.

An optional extra, never needed: `pip install -e '.[finbert]'`, and the weights in a folder that
``NIGHTDESK_FINBERT`` names. Nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats

#: Names the folder of the model: config.json, a vocabulary and the weights, as `transformers` saves them.
FOLDER_VARIABLE = "NIGHTDESK_FINBERT"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")

LONGEST_TOKENS = 128

_INSTEAD = "or set sentiment.scorer to lexicon, which needs nothing"


class FinbertScorer:
    """Probability of a positive meaning minus that of a negative one.

    Parameters
    ----------
    folder : Path
        See `FOLDER_VARIABLE`.
    """

    name = "finbert"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> FinbertScorer:
        """The scorer with the weights that the environment names; raises as `find_weights`."""
        return cls(find_weights(environ))

    def score(self, headlines: Sequence[str]) -> Floats:
        """The scores, each text by itself: padding to a neighbour's length would change last bits."""
        known = {text: self._of_one(text) for text in dict.fromkeys(headlines)}
        return np.array([known[text] for text in headlines], dtype=np.float64)

    def _of_one(self, text: str) -> float:
        answers = self._model(text, top_k=None, truncation=True, max_length=LONGEST_TOKENS)
        share = {one["label"].lower(): float(one["score"]) for one in answers}
        if not {"positive", "negative"} <= share.keys():
            raise Refused(
                f"{self.folder}: its model tells {', '.join(sorted(share))}, expected positive and negative: "
                f"give the folder of a FinBERT in {FOLDER_VARIABLE}, {_INSTEAD}"
            )
        return share["positive"] - share["negative"]

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

        try:
            # A folder of this machine has no revision to pin.
            model = AutoModelForSequenceClassification.from_pretrained(  # nosec B615
                self.folder, local_files_only=True
            )
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)  # nosec B615
        except (OSError, ValueError) as error:
            raise Refused(
                f"{self.folder}: the weights of FinBERT cannot be read ({error}): "
                f"correct the folder, {_INSTEAD}"
            ) from error
        return pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")


def find_weights(environ: Mapping[str, str]) -> Path:
    """The folder of the model.

    Raises
    ------
    Refused
        When `transformers` is not installed, no folder is named, or it holds no weights.
    """
    if importlib.util.find_spec("transformers") is None:
        raise Refused(
            "sentiment.scorer: finbert needs the package transformers, which is not installed: "
            f"pip install -e '.[finbert]', {_INSTEAD}"
        )
    named = environ.get(FOLDER_VARIABLE)
    if not named:
        raise Refused(
            f"sentiment.scorer: finbert needs its weights, and {FOLDER_VARIABLE} names no folder: "
            f"set it to the folder that holds them, {_INSTEAD}"
        )
    folder = Path(named).expanduser()
    if not any((folder / one).is_file() for one in WEIGHTS) or not (folder / "config.json").is_file():
        raise Refused(
            f"{folder}: no weights of FinBERT here (expected config.json and {' or '.join(WEIGHTS)}): "
            f"correct {FOLDER_VARIABLE}, {_INSTEAD}"
        )
    return folder
