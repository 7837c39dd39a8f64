"""A host -> Captures -> a Sample. The only place that logs in anywhere."""
