"""Steps above the units, the resident's own through staff, and reading who said something."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import ReasonIn, WithdrawIn, WordsIn, done, id_of, say
from heli.api.out import RequestState
from heli.api.shapes import Code, Done, ExclusionReason, Id, In, Out, Purpose
from heli.core.caps import Cap, Scope
from heli.loop import steps


# Above the units ------------------------------------------------------------------------------------------------------
@operation(
    "POST", "requests/{code}/supervise", needs=Cap.SUPERVISE, scope=Scope.AREA, tag="oversee", out=Done, status=201,
    calls="supervise",
)  # fmt: skip
def supervise(request: ApiRequest, code: Code, body: WordsIn) -> Done:
    """A supervisor's written word to the units that hold it; urges and reports the overdue."""
    return done(steps.supervise(request_id=id_of(code), text=body.text, **say(request)))


class ExcludeIn(In):
    reason: ExclusionReason
    evidence: Annotated[str, Field(min_length=1, max_length=500)]


@operation(
    "POST", "requests/{code}/exclusions", needs=Cap.EXCLUDE, scope=Scope.AREA, tag="oversee", out=Done, status=201,
    calls="propose_exclusion",
)  # fmt: skip
def propose_exclusion(request: ApiRequest, code: Code, body: ExcludeIn) -> Done:
    """Ask to leave a request out of the rates, with evidence; a second person decides."""
    pk = id_of(code)
    return done(steps.propose_exclusion(request_id=pk, reason=body.reason, evidence=body.evidence, **say(request)))


@operation(
    "POST", "exclusions/{exclusion_id}/confirm", needs=Cap.EXCLUDE, scope=Scope.AREA, tag="oversee", out=Done,
    calls="confirm_exclusion",
)  # fmt: skip
def confirm_exclusion(request: ApiRequest, exclusion_id: Id) -> Done:
    """The second signature: from now on it is counted among the exclusions, in public."""
    return done(steps.confirm_exclusion(exclusion_id=exclusion_id, **say(request)))


@operation(
    "POST", "exclusions/{exclusion_id}/refuse", needs=Cap.EXCLUDE, scope=Scope.AREA, tag="oversee", out=Done,
    calls="refuse_exclusion",
)  # fmt: skip
def refuse_exclusion(request: ApiRequest, exclusion_id: Id, body: ReasonIn) -> Done:
    """It goes on counting, and why."""
    return done(steps.refuse_exclusion(exclusion_id=exclusion_id, reason=body.reason, **say(request)))


@operation(
    "POST", "exclusions/{exclusion_id}/lift", needs=Cap.EXCLUDE, scope=Scope.AREA, tag="oversee", out=Done,
    calls="lift_exclusion",
)  # fmt: skip
def lift_exclusion(request: ApiRequest, exclusion_id: Id, body: ReasonIn) -> Done:
    """It counts again; the exclusion stays on record."""
    return done(steps.lift_exclusion(exclusion_id=exclusion_id, reason=body.reason, **say(request)))


# Who said it ----------------------------------------------------------------------------------------------------------
class RevealIn(In):
    purpose: Purpose


class RevealOut(Out):
    """Personal data: keep it no longer than the purpose needs."""

    name: str
    phone: str


@operation(
    "POST", "requests/{code}/voices/{voice_id}/reveal", needs=Cap.VIEW_PERSONAL, scope=Scope.AREA, tag="personal",
    out=RevealOut, calls="reveal",
)  # fmt: skip
def reveal(request: ApiRequest, code: Code, voice_id: Id, body: RevealIn) -> RevealOut:
    """Name and number of one voice, for a purpose; the reading is recorded, and its owner can see it."""
    pk = id_of(code)
    shown = steps.reveal(request_id=pk, voice_id=voice_id, purpose=body.purpose, **say(request))
    return RevealOut(name=shown.get("name", ""), phone=shown.get("phone", ""))


@operation(
    "POST", "requests/{code}/withdraw", needs=Cap.HEAR, scope=Scope.AREA, tag="hear", out=RequestState,
    calls="withdraw",
)  # fmt: skip
def withdraw(request: ApiRequest, code: Code, body: WithdrawIn) -> RequestState:
    """Taken back for the resident, by somebody who hears requests there."""
    pk = id_of(code)
    return RequestState.of(steps.withdraw(request_id=pk, reason=body.reason, **say(request)))
