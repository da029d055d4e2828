"""The patch of the openai client. Only this room knows wrapt, openai and the HTTP libraries."""
