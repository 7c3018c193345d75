"""The check that the database's tables are as the migrations made them, and that nothing in it acts by itself."""
