"""How sinks live in a process: their threads, forks, signals, and its end."""
