"""The commands, one file each: `options` declares, `run` carries out and returns the exit status."""
