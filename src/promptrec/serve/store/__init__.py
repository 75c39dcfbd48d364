"""What people did since the dataset was made, and what changed in the catalogue: SQLite, or PostgreSQL by URL."""

from promptrec.serve.store.contract import Durability, EventStore, ItemChange, StoredEvent, StoreUnavailableError
from promptrec.serve.store.opening import open_store, store_name

__all__ = ["Durability", "EventStore", "ItemChange", "StoreUnavailableError", "StoredEvent", "open_store", "store_name"]
