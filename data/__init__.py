"""Tables of runs that ship with the package; see README.md beside this file."""
