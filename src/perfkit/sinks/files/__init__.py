"""Files of lines that stay whole when a writer is killed."""
