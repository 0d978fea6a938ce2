"""POSTs over HTTP: the client, the meaning of responses, and signatures."""
