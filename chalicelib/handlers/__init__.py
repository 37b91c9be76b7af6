"""Event → one use case. No decisions here; each handler is imported by app.py and answers in Lambda's terms."""
