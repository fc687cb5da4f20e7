"""PostgreSQL, Redis and RabbitMQ as a network sees them: TLS only, passwords, one authority for all certificates."""

from __future__ import annotations

import datetime
import ipaddress
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reverie.embedded.children import nobody, spawn
from tests.hosts.network import Host

__all__ = ["Authority", "Servers"]


class Authority:
    """Signs certificates for addresses; ``root`` is the file that clients trust."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(self._name, self._key, authority=True)
        self.root = folder / f"{name.replace(' ', '-')}.pem"
        self.root.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.root.chmod(0o644)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False, address: str = ""
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )  # fmt: skip
        if authority:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, host: Host, *, owner: tuple[int, int] | None = None) -> tuple[Path, Path]:
        """``(certificate, key)`` files for a host's address; the key is readable by its owner alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host.name)])
        certificate, secret = self._folder / f"{host.name}.crt", self._folder / f"{host.name}.key"
        signed = self._sign(subject, key, address=host.address)
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        certificate.chmod(0o644)
        secret.touch(mode=0o600)
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        if owner is not None:
            os.chown(secret, *owner)
        return certificate, secret


def _find(name: str, package: str, *places: str) -> Path:
    folders = [str(p) for place in places for p in sorted(Path("/").glob(place.lstrip("/")), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit(f"{name} (with TLS) is not here; Debian: apt-get install {package}")
    return Path(found)


class Servers:
    """Starts servers on hosts and knows their addresses. Their ends are the network's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "another authority")
        self._password = secrets.token_hex(16)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def _start(self, host: Host, argv: list[str | Path], environment: dict[str, str] | None = None) -> None:
        with open(self.folder / f"{host.name}.log", "ab") as log:
            self.processes[host.name] = spawn(
                host.command(argv), log=log, env={**os.environ, **(environment or {})}, death_signal=signal.SIGKILL
            )

    def database_url(self, host: Host, root: Path | None = None) -> str:
        """For ``REVERIE_DATABASE_URL``; the certificate must be the host's and signed by ``root``."""
        trusted = root or self.authority.root
        return (
            f"postgresql://reverie:{self._password}@{host.address}:5432/reverie?sslmode=verify-full"
            f"&sslrootcert={trusted}"
        )

    def redis_url(self, host: Host, root: Path | None = None) -> str:
        """For ``REVERIE_REDIS_URL``."""
        trusted = root or self.authority.root
        return f"rediss://:{self._password}@{host.address}:6379/0?ssl_ca_certs={trusted}"

    def broker_url(self, host: Host, root: Path | None = None) -> str:
        """For ``REVERIE_BROKER_URL``."""
        trusted = root or self.authority.root
        return f"amqps://reverie:{self._password}@{host.address}:5671//?ssl_ca_certs={trusted}"

    def postgres(self, host: Host) -> None:
        """PostgreSQL that takes TLS connections with a password, and no others."""
        folder = self.folder / "postgres"
        folder.mkdir(mode=0o700)
        user = nobody()
        user.own(folder)
        certificate, key = self.authority.issue(host, owner=(user.uid or 0, user.gid or 0))
        postgres = _find("postgres", "postgresql", "/usr/lib/postgresql/*/bin")
        password = self.folder / "password"
        password.write_text(self._password)
        user.own(password)
        initialise: list[str | Path] = [
            postgres.parent / "initdb",
            "-D",
            folder / "data",
            "-U",
            "reverie",
            "-E",
            "utf8",
        ]
        initialise += ["-A", "scram-sha-256", f"--pwfile={password}", "--no-sync"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run(initialise, check=True, capture_output=True, env=environment, cwd="/", **user.popen())
        rules = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        options = {
            "listen_addresses": "*", "unix_socket_directories": str(folder), "ssl": "on", "ssl_cert_file": certificate,
            "ssl_key_file": key, "shared_buffers": "64MB", "max_connections": "200", "timezone": "UTC",
            # The other side of a partition: what a client that vanished holds is given back.
            "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3",
        }  # fmt: skip
        as_user = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", "--pdeathsig=KILL"]
        words: list[str | Path] = [*as_user, postgres, "-D", folder / "data"]
        for name, value in options.items():
            words += ["-c", f"{name}={value}"]
        self._start(host, words, {"LC_ALL": "C.UTF-8"})

    def redis(self, host: Host) -> None:
        """Redis (or a Valkey with TLS) on a TLS port, with a password."""
        server = _find("redis-server", "redis-server")
        certificate, key = self.authority.issue(host)
        settings = self.folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"port 0\ntls-port 6379\nbind {host.address} 127.0.0.1\nrequirepass {self._password}\n"
            f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {self.authority.root}\n"
            f'tls-auth-clients no\nappendonly no\nsave ""\nmaxmemory-policy noeviction\ndir {self.folder}\n'
        )
        self._start(host, [server, settings])

    def rabbit(self, host: Host) -> None:
        """One RabbitMQ node that listens for TLS alone."""
        server = _find("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")
        certificate, key = self.authority.issue(host)
        folder = self.folder / "rabbit"
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text(
            "listeners.tcp = none\nlisteners.ssl.default = 5671\n"
            f"ssl_options.cacertfile = {self.authority.root}\nssl_options.certfile = {certificate}\n"
            f"ssl_options.keyfile = {key}\nssl_options.verify = verify_none\n"
            f"default_user = reverie\ndefault_pass = {self._password}\nloopback_users = none\n"
        )
        (folder / "plugins").write_text("[].")
        environment = {
            "HOME": str(folder), "RABBITMQ_NODENAME": "rabbit@localhost", "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"), "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        }  # fmt: skip
        self._start(host, [server], environment)
