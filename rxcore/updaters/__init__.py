"""Statistics as frozen updaters: init, update, merge, finalize."""
