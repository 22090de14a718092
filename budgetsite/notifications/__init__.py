"""Telling people: their inbox, their mail, what they want to be told of, and when.

Mechanism alone. Who is told of what is for the apps to decide: they call `services.telling.tell`.
"""
