"""What can go wrong with hours: L-900 … L-919."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class Overlap(HeliError):
    code = "L-900"
    status = 409
    sentence = _(
        "For part of this time other hours are already credited to the same person. Compare the two records and correct"
        " the one that is wrong."
    )


class DayImpossible(HeliError):
    code = "L-901"
    status = 409
    sentence = _("With these hours it would be more than 16 hours in one day. Check the date and both times.")


class LongerThanPeriod(HeliError):
    code = "L-902"
    status = 400
    sentence = _("The hours are longer than the time from beginning to end. Check both times.")


class NoEvidence(HeliError):
    code = "L-903"
    status = 400
    sentence = _(
        "There is no check-in to rest on. Say what it rests on: the leader's call, a paper sheet, entered later."
    )


class LongerThanChecked(HeliError):
    code = "L-904"
    status = 400
    sentence = _(
        "From check-in to check-out it was %(checked)s, and at most %(tolerance)s more may be credited. Credit less, or"
        " correct the check-out first."
    )


class LongerThanPlanned(HeliError):
    code = "L-905"
    status = 400
    sentence = _(
        "Planned were %(planned)s; at most %(most)s can be credited for it. For more, plan the activity longer."
    )


class SoonerThanEnrolled(HeliError):
    code = "L-906"
    status = 400
    sentence = _(
        "Since this person enrolled less time has passed than is to be credited. Credit hours after they were served."
    )


class NotServedYet(HeliError):
    code = "L-907"
    status = 400
    sentence = _("This time is not over yet. Credit it after it was served.")


class OwnHours(HeliError):
    code = "L-908"
    status = 403
    sentence = _("These are your own hours: somebody else has to decide on them.")


class SecondDecider(HeliError):
    code = "L-909"
    status = 403
    sentence = _(
        "Who held these hours, entered them, or belongs to the organisation that records them cannot decide on them. Ask"
        " a colleague who reviews hours."
    )


class AlreadyCredited(HeliError):
    code = "L-910"
    status = 409
    sentence = _("Hours are already credited for this service. To change them, correct the record and say why.")


class NothingToReverse(HeliError):
    code = "L-911"
    status = 409
    sentence = _("No hours are credited here any more, so there is nothing to take back. Look at the latest record.")


class SpokenOf(HeliError):
    code = "L-912"
    status = 409
    sentence = _("Hours were approved for this as it stands. Take them back first, then change it and approve again.")


class BadPeriod(HeliError):
    code = "L-913"
    status = 400
    sentence = _("Say from when until when it was; the end lies after the beginning and within 24 hours.")


class LogBroken(HeliError):
    code = "L-915"
    status = 500
    sentence = _(
        "The log no longer begins with what was signed before, so nothing was signed. Run “heli ledger check” and look"
        " for the backup that fits."
    )


class NotACheckpoint(HeliError):
    code = "L-916"
    status = 400
    sentence = _("This file is no checkpoint of this log, or not one that the witness signed: %(why)s.")


# Certificates: L-970 … L-979 --------------------------------------------------------------------------------------------
class NothingToCertify(HeliError):
    code = "L-970"
    status = 400
    sentence = _(
        "No approved hours lie in these days. Choose other days, or ask the unit whether they were recorded yet."
    )


class TooManyToCertify(HeliError):
    code = "L-971"
    status = 400
    sentence = _("More than %(most)s services lie in these days. Choose fewer days, and make several certificates.")


class NameMissing(HeliError):
    code = "L-972"
    status = 400
    sentence = _("No name is kept with this account, so none can be printed. Write it under “My information” first.")


class NameChanged(HeliError):
    code = "L-973"
    status = 409
    sentence = _("The name kept now is not the one this certificate was issued to. Make a new certificate.")


class NoLongerStands(HeliError):
    code = "L-974"
    status = 409
    sentence = _(
        "This certificate was revoked, or hours in it were corrected since, so it is not printed any more. Make a new one"
        " with the figures of today."
    )


class NameCodeWrong(HeliError):
    code = "L-975"
    status = 400
    sentence = _("This code does not open the name, or its ten minutes are over. Ask the holder for a new one.")


class NameUnchecked(HeliError):
    code = "L-976"
    status = 409
    sentence = _(
        "A certificate names somebody whose real name was checked, and this was not done yet. Register as a volunteer, show"
        " the identity card at the community office, then make the certificate."
    )


class BackOffice(HeliError):
    code = "L-918"
    status = 400
    sentence = _(
        "Nobody enrolled this person before it began, and nobody says that they saw them there. Add the leader's list or the"
        " signed sheet, or put it before a second person and say why."
    )


class UnderDispute(HeliError):
    code = "L-919"
    status = 409
    sentence = _("You said already that something is wrong here. Open it to read what became of it.")


# Stars, perks, time bank: L-980 … L-989 ---------------------------------------------------------------------------------
class BelowStar(HeliError):
    code = "L-980"
    status = 409
    sentence = _(
        "The hours that count now are not enough for this star. The page says which count and what is missing."
    )


class AskedAlready(HeliError):
    code = "L-981"
    status = 409
    sentence = _("This was asked for already. The page of your stars says how far it is.")


class NotPutOut(HeliError):
    code = "L-982"
    status = 409
    sentence = _("The days in which something can be said against these stars are over.")


class PutOutByYou(HeliError):
    code = "L-983"
    status = 403
    sentence = _("You put these stars out yourself, or said something against them. Somebody else decides on it.")


class PerkNotForYou(HeliError):
    code = "L-984"
    status = 409
    sentence = _("This asks for more stars or stored hours than you have here.")


class PerkGone(HeliError):
    code = "L-985"
    status = 409
    sentence = _("None is left, or it is not given at this time.")


class PerkTakenEnough(HeliError):
    code = "L-986"
    status = 409
    sentence = _("You have taken this as often as one person may in a year.")


class CodeNotGood(HeliError):
    code = "L-987"
    status = 409
    sentence = _(
        "This code is none of your organisation's, was used, or its days are over. Compare it with what is shown."
    )


class TooLittleStored(HeliError):
    code = "L-988"
    status = 409
    sentence = _("Less lies in the time bank than that: %(hours)s.")


class NothingToSettle(HeliError):
    code = "L-989"
    status = 409
    sentence = _("This account is not below zero. Somebody may have settled it, or more was served since.")
