"""Real PostgreSQL and Valkey as children of this process: no installation, no service, no second code path."""

from reverie.embedded.servers import RunningServers, start_servers
from reverie.embedded.supervisor import Role, Supervisor

__all__ = ["Role", "RunningServers", "Supervisor", "start_servers"]
