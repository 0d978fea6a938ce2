"""Real receivers for the tests: of OTLP, of webhooks over HTTP and TLS, and an Alertmanager."""
