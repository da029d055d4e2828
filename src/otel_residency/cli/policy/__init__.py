"""The policy: what is wrong with one, and what holds here."""
