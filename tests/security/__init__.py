"""How the house stands against people who mean it ill. docs/security.md says which test holds what."""
