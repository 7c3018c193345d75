"""The citizen's own page `/me`, at a city alone: all that was released under their key, and what they can do about it.

`own_page` is the frontend of its logins, whose service is the broker itself. `visits` are its short sessions. `history`
reads the records of one person by their counter.
"""
