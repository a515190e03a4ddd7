"""How a program runs: support tables, the compiler, and one folder for each backend."""
