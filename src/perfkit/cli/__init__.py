"""Implement the `perfkit` command, with one module for each subcommand."""
