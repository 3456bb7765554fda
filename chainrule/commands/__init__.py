"""The commands, one file each: `run` takes the parsed options and returns the exit status.

The options of a command, and its help, are declared in the file of the same name in `options`.
"""
