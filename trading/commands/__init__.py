"""The commands of the command line, a module each. They import what they need when they are called, to start fast."""
