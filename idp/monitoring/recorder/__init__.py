"""The flight recorder: the steps of a sign-in on the leg of each party, for a named incident or a test login alone."""
