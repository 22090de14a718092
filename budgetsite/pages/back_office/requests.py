from typing import Any, TypeAlias

# Django's request with the signed-in `user`, the `account` and the `role` that the middleware has put there; the
# framework's stubs know neither, and its hooks may not be narrowed.
StaffRequest: TypeAlias = Any
