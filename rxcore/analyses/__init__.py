"""One file an analysis: request in, passes through a runner, result out."""
