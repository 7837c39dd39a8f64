"""The product's processes over a real database; the database's fixtures are the store tests'."""

from tests.integration.conftest import database, make_database, own_postgres, postgres

__all__ = ["database", "make_database", "own_postgres", "postgres"]
