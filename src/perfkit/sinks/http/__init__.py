"""One POST to one place: bounded in time, to an address that was checked, saying no secret."""
