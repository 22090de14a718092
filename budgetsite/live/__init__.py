"""What has happened, while it happens: server-sent events for pages and other programs.

The outbox's consumer (`publishing`) writes each event into its account's journal in Valkey (`journal`), with who may
see it (`sight`). Each web process has one hub (`hub`) that reads the journals of the accounts that somebody listens to.
Listening holds a connection to the browser and no thread, no connection to the database.
"""
