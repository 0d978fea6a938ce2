"""A real OTLP receiver for the tests to ship to."""
