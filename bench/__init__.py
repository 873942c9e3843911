"""Measurements: side by side with peers (macro), memory against rows (memory), cold start (cold)."""
