"""FLOOR 0: who may know what. Pure: the standard library only, no clock, no I/O."""
