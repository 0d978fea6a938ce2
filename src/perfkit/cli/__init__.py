"""The `perfkit` command: one file per subcommand, each parses, calls a room, and prints."""
