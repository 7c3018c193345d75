"""Changes of the configuration: what was in force on any day, what is in force now, and who put it there (decision 0033).

bundle    the files of one configuration, and its digest
history   every configuration that was in force, by hash and by number
in_force  what a process serves: the folder, or what the history has
"""
