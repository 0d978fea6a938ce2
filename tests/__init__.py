"""The tests of perfkit."""
