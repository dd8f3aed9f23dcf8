from django.apps import AppConfig
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


def own_page(request_id: int, token: str) -> str:
    """The public page of an activity that serves the request; '' while there is none. One statement."""
    from heli.volunteering.models import Activity

    pk = Activity.objects.public().filter(request=request_id).order_by("-id").values_list("pk", flat=True).first()
    return reverse("volunteering:activity", args=[pk]) if pk is not None else ""


class VolunteeringConfig(AppConfig):
    name = "heli.volunteering"

    def ready(self) -> None:
        from heli.core import subjects
        from heli.core.caps import Cap
        from heli.ledger import certificates, dispute_steps, national
        from heli.loop import ways
        from heli.loop.models import Kind
        from heli.people import elsewhere
        from heli.volunteering.queries.activities import describe_activities
        from heli.volunteering.queries.exchange import taken
        from heli.volunteering.queries.names import registered_name
        from heli.volunteering.queries.people import describe_volunteers, own_rows
        from heli.volunteering.steps import attend
        from heli.volunteering.steps.activities import KIND
        from heli.volunteering.steps.people import account_closes
        from heli.volunteering.steps.shared import SUBJECT

        subjects.register("volunteering.volunteer", describe_volunteers)
        subjects.register(SUBJECT, describe_activities)
        elsewhere.register(account_closes, own_rows)
        certificates.names_from(registered_name)
        national.register(taken)
        ways.offer(
            ways.Way(
                kind=KIND,
                of=Kind.HELP,
                words=_("Answer it with a volunteer activity"),
                note=_("What came of it is the reply, and the resident judges."),
                icon="users",
                url=lambda code: f"{reverse('volunteering:new')}?request={code}",
                follow=own_page,
                follow_words=_("The volunteer activity for what you asked"),
                needs=Cap.LEAD_TEAM,
            )
        )
        dispute_steps.register(attend.SOURCE, attend.opening_of)
