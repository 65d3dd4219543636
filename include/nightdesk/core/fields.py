"""The kinds of values that the keys of a book and the parameters of its plug-ins take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


#: What a book may call an instrument.
SYMBOL_PATTERN = r"^[A-Z0-9^][A-Z0-9.^=/-]{0,20}$"
Symbol = Annotated[str, Field(pattern=SYMBOL_PATTERN)]


Share = Annotated[float, Field(ge=0, le=1)]


Positive = Annotated[float, Field(gt=0)]


Params = dict[str, JsonValue]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


#: One condition, or a list of them, as `nightdesk.strategies.condition` reads them.
Conditions = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class Frozen(BaseModel):
    """A validated value that never changes and knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
