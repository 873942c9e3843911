"""Where passes run; every context gives the same bits."""
