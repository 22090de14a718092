from budgetsite.outbox.wakeup import WakeUp

MAILING = WakeUp("budgetsite.notifications.tasks.send_mails")
