"""What perfkit costs, beside what people would write or use instead."""
