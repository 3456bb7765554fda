"""The options of each command, and the layout of their help.

What imports torch is imported only where the options of a model are needed, so that `--help` is quick.
"""
