"""perfkit never hurts the application: everything that can go wrong, on purpose."""
