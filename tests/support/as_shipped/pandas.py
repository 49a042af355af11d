"""Stands before pandas on the path of the processes under test, which what ships does not have: TA-Lib imports it where
it is there, at a third of a second and 70 MB for every process.
"""

raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
