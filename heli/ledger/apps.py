from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "heli.ledger"

    def ready(self) -> None:
        from heli.ledger import certificates

        assert certificates  # certificates are leaves of the log, whoever works on it
