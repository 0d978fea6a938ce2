"""What a file of lines needs to stay whole."""
