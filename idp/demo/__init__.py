"""A demo country with its identity provider and citizens, a demo city with its apps, and a driver that walks a login."""
