"""Commands: one module each, run by `bin/` and by the console scripts."""
