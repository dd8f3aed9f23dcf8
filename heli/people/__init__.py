"""Accounts and what belongs to a person: profile, second factor, who read my data. Grants live in orgs."""
