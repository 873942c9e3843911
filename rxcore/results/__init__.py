"""What users hold and print: frozen dataclasses of numbers, without access to any data source."""
