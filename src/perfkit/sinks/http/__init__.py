"""POSTs over HTTP: the client, and the meaning of responses."""
