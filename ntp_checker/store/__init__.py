"""PostgreSQL and the spool: the only place where SQL is spoken."""
