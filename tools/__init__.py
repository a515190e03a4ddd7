"""How a person looks: dumps, the command line, the reference of passes and operations."""

from . import display as display  # registers how programs are drawn in notebooks
