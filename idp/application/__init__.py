"""From configuration folders to running tenants: all rooms are put together here, and nowhere else."""
