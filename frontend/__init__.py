"""How Python becomes a program: tracing, NumPy's protocols, derivatives of functions, jit."""
