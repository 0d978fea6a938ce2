"""Try sinks out, with violations that are made up for that."""
