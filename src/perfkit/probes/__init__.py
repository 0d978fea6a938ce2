"""What reads the machine. Each module is loaded when its metric is first asked for."""
