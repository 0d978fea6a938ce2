"""Test sinks: send marked violations of the catalog's budgets through each delivery route."""
