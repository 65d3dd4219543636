"""The classes of what is traded, and the key by which a book says what holds of all that it does not name."""

from typing import Literal, get_args

AssetClass = Literal["equity", "etf", "crypto", "option", "perpetual"]

CLASSES: tuple[str, ...] = get_args(AssetClass)

#: Of a mapping by symbol or class: what no other key names.
DEFAULT = "default"
