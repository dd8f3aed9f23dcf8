"""The parts that what is sent and what is answered are made of."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

R = TypeVar("R")

# Types ----------------------------------------------------------------------------------------------------------------
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{4,16}$", description="The code of a request, like ZF-7K3M-42P.")]
AreaPath = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{2,24}$", description="The unpadded code of an area: 370602003.")]
CategoryCode = Annotated[str, Field(pattern=r"^[0-9]{2,6}$")]
Link = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{20,60}$", description="The secret of a resident's link.")]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Words = Annotated[str, Field(min_length=1, max_length=2_000)]
Reason = Annotated[str, Field(min_length=1, max_length=300)]
Purpose = Annotated[str, Field(min_length=1, max_length=150, description="What it is needed for; kept, and shown.")]
Moment = Annotated[AwareDatetime, Field(ge=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), le=dt.datetime(2100, 1, 1, tzinfo=dt.UTC))]  # fmt: skip
Day = Annotated[dt.date, Field(ge=dt.date(2000, 1, 1), le=dt.date(2100, 1, 1))]
After = Annotated[str, Field(max_length=400, description="`next` of the page before.")]
Size = Annotated[int, Field(ge=1, le=200)]
Kind = Literal["help", "complaint", "question", "suggestion", "tip", "wish", "snap"]
Urgency = Literal["normal", "urgent", "emergency"]
Channel = Literal["web", "counter", "phone", "api", "import"]
Confidentiality = Literal["open", "protected"]
Reach = Literal["", "morning", "afternoon", "evening"]
Solved = Literal["yes", "partly", "no"]
Way = Literal["phone", "visit", "message"]
ReturnCode = Literal["not_ours", "other_area", "law", "unclear", "duplicate"]
ExclusionReason = Literal["court", "outside", "untrue", "unlawful", "malicious"]
OrgKind = Literal[
    "department",
    "township",
    "community",
    "social_org",
    "association",
    "enterprise",
    "federation",
    "team",
    "party",
    "desk",
]


def _clean(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("holds a character that no text has")
    elif isinstance(value, dict):
        for k, v in value.items():
            _clean(k)
            _clean(v)
    elif isinstance(value, list | tuple):
        for v in value:
            _clean(v)


class In(BaseModel):
    """What is sent: nothing beyond the fields that are named, no character that cannot be kept."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _kept(cls, data: Any) -> Any:
        _clean(data)
        return data


class Out(BaseModel):
    """What is answered: only the fields that are named."""

    model_config = ConfigDict(extra="forbid")


# Errors and pages -----------------------------------------------------------------------------------------------------
class FieldError(Out):
    field: str
    sentence: str


class ErrorOut(Out):
    """What went wrong: a code that never changes, a sentence to act on, the field it belongs to."""

    code: Annotated[str, Field(pattern=r"^L-[0-9]{3}$")]
    sentence: str
    field: str | None = None
    errors: list[FieldError] = []


class PageOf(Out, Generic[R]):
    """One page of a list; `next` goes into `after` of the following request, null on the last page."""

    rows: list[R]
    next: str | None


class ListOf(Out, Generic[R]):
    """A whole short list."""

    rows: list[R]


class Done(Out):
    """The step was taken; `event` things about it stand in the timeline of the request."""

    id: int
    state: str


# Small things that larger ones hold -----------------------------------------------------------------------------------
class AreaShort(Out):
    path: str
    name: str


class UnitShort(Out):
    id: int
    name: str


class CategoryShort(Out):
    code: str
    name: str


class FileOut(Out):
    id: uuid.UUID
    url: str
