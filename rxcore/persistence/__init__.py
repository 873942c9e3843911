"""Models as bytes, without pickle: a checked container, and which classes may travel in it."""
