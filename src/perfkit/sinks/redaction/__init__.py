"""Keep what the variables of a catalog hold out of all that is said."""
