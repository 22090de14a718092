"""Who is told of what: the outbox's events, in words, to the people whom they concern.

Each module knows one family of events and turns some of them into messages; `receive` hands them to
`budgetsite.notifications`, which knows how everybody wants to be told.
"""
