"""PostgreSQL and Valkey for a machine that has neither: started from wheels, reached by Unix sockets only."""
