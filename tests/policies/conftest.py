"""How the properties run: a busy machine is no failure, and no example has a clock."""

from hypothesis import HealthCheck, settings

settings.register_profile("properties", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("properties")
