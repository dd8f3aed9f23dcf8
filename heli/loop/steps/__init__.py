"""Every write of the loop, by subject: hear, dispatch, handle, judge, oversee, duty."""

from heli.loop.steps.dispatch import accept, ask_help, ask_return, decide_return, force, offer, reclassify, take_back
from heli.loop.steps.handle import (
    add_words,
    approve_reply,
    ask_extension,
    ask_resident,
    contact,
    correct_reply,
    decide_extension,
    give_opinion,
    note,
    write_reply,
)
from heli.loop.steps.hear import Heard, decline, hear, merge, split, unmerge, withdraw
from heli.loop.steps.judge import decide_appeal, judge, lapse, unreached
from heli.loop.steps.oversee import (
    climb,
    confirm_exclusion,
    lift_exclusion,
    propose_exclusion,
    recompute_provisional,
    refuse_exclusion,
    supervise,
)
from heli.loop.steps.reveal import reveal

__all__ = [
    "Heard",
    "accept",
    "add_words",
    "approve_reply",
    "ask_extension",
    "ask_help",
    "ask_resident",
    "ask_return",
    "climb",
    "confirm_exclusion",
    "contact",
    "correct_reply",
    "decide_appeal",
    "decide_extension",
    "decide_return",
    "decline",
    "force",
    "give_opinion",
    "hear",
    "judge",
    "lapse",
    "lift_exclusion",
    "merge",
    "note",
    "offer",
    "propose_exclusion",
    "reclassify",
    "recompute_provisional",
    "refuse_exclusion",
    "reveal",
    "split",
    "supervise",
    "take_back",
    "unmerge",
    "unreached",
    "withdraw",
    "write_reply",
]
