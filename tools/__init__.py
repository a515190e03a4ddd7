"""How a person looks: dumps, the command line, the reference of passes and operations."""
