"""The protocols in which services ask us, and what we publish of ourselves in each.

It makes and judges messages, and knows no HTTP.
"""
