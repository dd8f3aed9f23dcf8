"""志愿服务: who may do what, near whom, when; activity → role → shift → enrolment → attendance. Hours are the ledger's.

A team is an `orgs.Organisation`, who belongs to it an `orgs.Member`; whoever leads it holds a grant. What a person may
serve in is asked at the date of the shift (`gates`), by every way of enrolling, and fails closed.
"""
