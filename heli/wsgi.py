"""WSGI entry point; refuses to start with an undeclared route."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
application = get_wsgi_application()

from heli.core.checks import refuse_undeclared  # noqa: E402  (needs the application)

refuse_undeclared()

from heli.loop.reader import warm  # noqa: E402

threading.Thread(target=warm, daemon=True).start()  # so that the first who types does not wait for the model
