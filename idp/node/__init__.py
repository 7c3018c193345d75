"""The sending node (`role = "node"`): it answers other countries' nodes about its own citizens, and keeps nothing of them.

levels.py   which of our levels may answer a request     login.py    the states of a login, in one direction
person.py   what a national answer says, as eIDAS has it  broker.py   the steps of a login, in their order
"""
