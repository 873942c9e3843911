"""One file a public function: arguments, defaults, docstring; no arithmetic."""
