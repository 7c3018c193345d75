"""Commands about desks: who may sign in, and the operator's pages themselves."""
