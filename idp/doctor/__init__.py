"""The checks of `ciconia doctor`: everything that is wrong with an installation, at once. They change nothing.

`checks` has the table of all. Each check is a generator of findings over one `Examination` of the folder.
"""
