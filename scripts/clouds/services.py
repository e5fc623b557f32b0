"""What each OpenStack service of a test cloud is called, how it is configured, and how it starts.

sqlite, fernet tokens and oslo.messaging's fake driver: no database server and no message broker. OpenStack's WSGI
modules parse sys.argv, so that settings go through files and the environment only.
"""

from dataclasses import dataclass
from pathlib import Path
import getpass
import os
import subprocess
import sys

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Service:
    """One service as Keystone's catalog and the command line name it."""

    name: str
    type: str
    port: int  # counted from the cloud's first one
    path: str = ""  # of its endpoint


SERVICES = {
    s.name: s
    for s in (
        Service("glance", "image", 1),
        Service("heat", "orchestration", 2, "/v1/%(tenant_id)s"),
        Service("nova", "compute", 4, "/v2.1"),
        Service("neutron", "network", 5),
        Service("swift", "object-store", 6, "/v1/AUTH_%(tenant_id)s"),
        Service("murano", "application-catalog", 7),
    )
}
SWIFT_BACKENDS = {"account": 10, "container": 11, "object": 12}
PORTS = 13


class Layout:
    """Where a cloud keeps what, and the pieces that every configuration file shares."""

    def __init__(self, name, state, base, tls, password):
        self.name, self.state, self.base, self.tls, self.password = name, Path(state), base, tls, password
        self.region = f"Region{name}"
        self.etc, self.log = self.state / "etc", self.state / "log"
        venvs = Path(os.environ["ZONDA_STATE"]) / "venvs"
        self.core, self.compute = venvs / "core", venvs / "compute"
        self.murano = Path(os.environ["ZONDA_STATE"]) / "murano"
        self.ca_file = self.state / "ca.pem" if tls else None
        self.cert, self.key = self.state / "tls/server.pem", self.state / "tls/server.key"
        self.keystone = self.url(0)

    def url(self, port):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.base + port}"

    def default(self, service, **more):
        return {"log_dir": self.log, "log_file": f"{service}.log", **more}

    def database(self, file):
        # Nothing here outlives a crash of the machine.
        return {"connection": f"sqlite:///{self.state}/{file}.db", "sqlite_synchronous": "false"}

    def authtoken(self, service):
        section = {
            "www_authenticate_uri": f"{self.keystone}/v3",
            "auth_url": f"{self.keystone}/v3",
            "auth_type": "password",
            "username": service,
            "password": self.password,
            "project_name": "service",
            "user_domain_id": "default",
            "project_domain_id": "default",
            "region_name": self.region,
            "service_token_roles_required": "true",
        }
        return section | ({"cafile": self.ca_file} if self.tls else {})


def write(path, sections):
    """Writes an ini file from {section: {key: value}}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    path.write_text("\n".join(lines))


def run(cloud, log, *command, **env):
    """Runs a set-up command to its end; its output goes to a log file."""
    with open(cloud.log / f"{log}.log", "ab") as out:
        subprocess.run(
            [str(part) for part in command], stdout=out, stderr=out, check=True, cwd=cloud.state, env=os.environ | env
        )


# ---- Configuration and databases: each function is run once for each cloud.


def prepare_keystone(cloud):
    conf = cloud.etc / "keystone.conf"
    write(
        conf,
        {
            "DEFAULT": cloud.default("keystone"),
            "database": cloud.database("keystone"),
            "token": {"provider": "fernet"},
            "fernet_tokens": {"key_repository": cloud.etc / "fernet-keys"},
            "credential": {"key_repository": cloud.etc / "credential-keys"},
            # With the default a token costs a second.
            "identity": {"password_hash_rounds": 4},
            "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        },
    )
    manage = (cloud.core / "bin/keystone-manage", "--config-file", conf)
    user = getpass.getuser()
    group = subprocess.check_output(["id", "-gn"], text=True).strip()
    owner = ("--keystone-user", user, "--keystone-group", group)
    run(cloud, "keystone-setup", *manage, "fernet_setup", *owner)
    run(cloud, "keystone-setup", *manage, "credential_setup", *owner)
    run(cloud, "keystone-setup", *manage, "db_sync")
    urls = [f"--bootstrap-{i}-url" for i in ("public", "internal", "admin")]
    run(
        cloud, "keystone-setup", *manage, "bootstrap", "--bootstrap-region-id", cloud.region,
        *(part for option in urls for part in (option, f"{cloud.keystone}/v3")),
        OS_BOOTSTRAP_PASSWORD=cloud.password,
    )  # fmt: skip


def prepare_glance(cloud):
    folder = cloud.etc / "glance"
    stores = {name: cloud.state / name for name in ("images", "staging", "tasks")}
    for store in stores.values():
        store.mkdir(exist_ok=True)
    write(
        folder / "glance-api.conf",
        {
            "DEFAULT": cloud.default("glance", enabled_backends="file:file", worker_self_reference_url=cloud.url(1)),
            "database": cloud.database("glance"),
            "keystone_authtoken": cloud.authtoken("glance"),
            "paste_deploy": {"flavor": "keystone", "config_file": cloud.core / "etc/glance/glance-api-paste.ini"},
            "glance_store": {"default_backend": "file"},
            "file": {"filesystem_store_datadir": stores["images"]},
            "os_glance_staging_store": {"filesystem_store_datadir": stores["staging"]},
            "os_glance_tasks_store": {"filesystem_store_datadir": stores["tasks"]},
        },
    )
    run(cloud, "glance-setup", cloud.core / "bin/glance-manage", "--config-dir", folder, "db_sync",
        OS_GLANCE_CONFIG_DIR=str(folder))  # fmt: skip


def prepare_heat(cloud):
    conf = cloud.etc / "heat.conf"
    ca = {"ca_file": cloud.ca_file} if cloud.tls else {}
    write(
        conf,
        {
            "DEFAULT": cloud.default(
                "heat", transport_url="fake://", region_name_for_services=cloud.region, host=f"heat-{cloud.name}"
            ),
            "oslo_messaging_notifications": {"driver": "noop"},
            "paste_deploy": {"api_paste_config": cloud.core / "etc/heat/api-paste.ini"},
            "trustee": {
                "auth_type": "password",
                "auth_url": f"{cloud.keystone}/v3",
                "username": "heat",
                "password": cloud.password,
                "user_domain_id": "default",
                **({"cafile": cloud.ca_file} if cloud.tls else {}),
            },
            "clients": ca,
            "clients_keystone": {"auth_uri": f"{cloud.keystone}/v3", **ca},
            "database": cloud.database("heat"),
            "keystone_authtoken": cloud.authtoken("heat"),
        },
    )
    run(cloud, "heat-setup", cloud.core / "bin/heat-manage", "--config-file", conf, "db_sync")


def prepare_nova(cloud):
    """Nova's API without a conductor: lists, flavors, key pairs and server groups work, a server never boots."""
    folder = cloud.etc / "nova"
    write(
        folder / "nova.conf",
        {
            "DEFAULT": cloud.default(
                "nova", transport_url="fake://", state_path=cloud.state / "nova", my_ip="127.0.0.1"
            ),
            "api_database": cloud.database("nova_api"),
            "database": cloud.database("nova"),
            "keystone_authtoken": cloud.authtoken("nova"),
            "oslo_concurrency": {"lock_path": cloud.state / "lock"},
        },
    )
    paste = cloud.compute / "etc/nova/api-paste.ini"
    (folder / "api-paste.ini").write_text(paste.read_text())
    manage = (cloud.compute / "bin/nova-manage", "--config-file", folder / "nova.conf")
    cells = f"sqlite:///{cloud.state}"
    run(cloud, "nova-setup", *manage, "api_db", "sync")
    run(cloud, "nova-setup", *manage, "cell_v2", "map_cell0", "--database_connection", f"{cells}/nova_cell0.db")
    run(cloud, "nova-setup", *manage, "db", "sync")
    run(cloud, "nova-setup", *manage, "cell_v2", "create_cell", "--name", "cell1", "--database_connection",
        f"{cells}/nova.db", "--transport-url", "fake://")  # fmt: skip


def prepare_neutron(cloud):
    write(
        cloud.etc / "neutron/neutron.conf",
        {
            "DEFAULT": cloud.default(
                "neutron",
                transport_url="fake://",
                core_plugin="ml2",
                service_plugins="",
                auth_strategy="keystone",
                api_paste_config=cloud.compute / "etc/neutron/api-paste.ini",
                state_path=cloud.state / "neutron",
                notify_nova_on_port_status_changes="false",
                notify_nova_on_port_data_changes="false",
                dhcp_agents_per_network=0,
            ),
            "database": cloud.database("neutron"),
            "keystone_authtoken": cloud.authtoken("neutron"),
            "oslo_concurrency": {"lock_path": cloud.state / "lock"},
            "ml2": {"type_drivers": "local,vxlan", "tenant_network_types": "vxlan", "mechanism_drivers": ""},
            "ml2_type_vxlan": {"vni_ranges": "1:1000"},
        },
    )
    run(cloud, "neutron-setup", cloud.compute / "bin/python", HERE / "neutron_tables.py", cloud.state / "neutron.db")


def prepare_swift(cloud):
    folder = cloud.etc / "swift"
    folder.mkdir(parents=True, exist_ok=True)
    (cloud.state / "swift/d1").mkdir(parents=True, exist_ok=True)
    write(
        folder / "swift.conf",
        {
            "swift-hash": {"swift_hash_path_prefix": "zonda", "swift_hash_path_suffix": cloud.name},
            "storage-policy:0": {"name": "gold", "default": "yes"},
        },
    )
    common = {"bind_ip": "127.0.0.1", "workers": 0, "user": getpass.getuser(), "swift_dir": folder}
    builder = cloud.compute / "bin/swift-ring-builder"
    for kind, port in SWIFT_BACKENDS.items():
        ring = folder / f"{kind}.builder"
        run(cloud, "swift-setup", builder, ring, "create", 4, 1, 1)
        run(cloud, "swift-setup", builder, ring, "add", "--region", 1, "--zone", 1, "--ip", "127.0.0.1", "--port",
            cloud.base + port, "--device", "d1", "--weight", 1)  # fmt: skip
        run(cloud, "swift-setup", builder, ring, "rebalance")
        backend = {"bind_port": cloud.base + port, "devices": cloud.state / "swift", "mount_check": "false"}
        write(
            folder / f"{kind}.conf",
            {
                "DEFAULT": common | backend,
                "pipeline:main": {"pipeline": f"{kind}-server"},
                f"app:{kind}-server": {"use": f"egg:swift#{kind}"},
            },
        )
    tls = {"cert_file": cloud.cert, "key_file": cloud.key} if cloud.tls else {}
    filters = {f"filter:{name}": {"use": f"egg:swift#{name}"} for name in ("catch_errors", "copy", "slo", "dlo")}
    write(
        folder / "proxy.conf",
        {
            "DEFAULT": common | {"bind_port": cloud.base + SERVICES["swift"].port} | tls,
            "pipeline:main": {"pipeline": "catch_errors authtoken keystoneauth copy slo dlo proxy-server"},
            "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": "true"},
            "filter:keystoneauth": {"use": "egg:swift#keystoneauth", "operator_roles": "admin, member"},
            "filter:authtoken": {
                "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
                "delay_auth_decision": "true",
                **cloud.authtoken("swift"),
            },
            **filters,
        },
    )


def prepare_murano(cloud):
    """Murano's API without an engine: environments can be made and listed, nothing is deployed."""
    conf = cloud.etc / "murano.conf"
    port = cloud.base + SERVICES["murano"].port
    authtoken = cloud.authtoken("murano")
    write(
        conf,
        {
            "DEFAULT": cloud.default("murano", transport_url="fake://", bind_host="127.0.0.1", bind_port=port),
            "murano": {"api_workers": 1},
            "database": cloud.database("murano"),
            "paste_deploy": {"config_file": cloud.murano / "usr/share/murano-common/murano-paste.ini"},
            "stats": {"period": 3600},
            "keystone_authtoken": authtoken,
            "murano_auth": authtoken,
            **({"ssl": {"cert_file": cloud.cert, "key_file": cloud.key}} if cloud.tls else {}),
        },
    )
    run(cloud, "murano-setup", *murano(cloud, "murano-db-manage"), "upgrade", **murano_path(cloud))


def murano(cloud, program):
    """A command of Debian's packages, which are unpacked and not installed."""
    return "/usr/bin/python3", cloud.murano / "usr/bin" / program, "--config-file", cloud.etc / "murano.conf"


def murano_path(cloud):
    return {"PYTHONPATH": str(cloud.murano / "usr/lib/python3/dist-packages")}


PREPARE = {
    "keystone": prepare_keystone,
    "glance": prepare_glance,
    "heat": prepare_heat,
    "nova": prepare_nova,
    "neutron": prepare_neutron,
    "swift": prepare_swift,
    "murano": prepare_murano,
}


# ---- Processes.


def gunicorn(cloud, venv, name, port, application, **env):
    """A WSGI service under gunicorn: (process name, command, environment)."""
    conf = cloud.etc / f"gunicorn-{name}.py"
    tls = f"certfile = {str(cloud.cert)!r}\nkeyfile = {str(cloud.key)!r}\n" if cloud.tls else ""
    conf.write_text(
        f"bind = '127.0.0.1:{cloud.base + port}'\nwsgi_app = {application!r}\nworkers = 1\nworker_class = 'gthread'\n"
        f"threads = 8\ntimeout = 120\ngraceful_timeout = 3\nkeepalive = 60\ncontrol_socket_disable = True\n"
        f"accesslog = {str(cloud.log / (name + '-access.log'))!r}\nproc_name = '{cloud.name}-{name}'\n{tls}"
    )
    return name, [venv / "bin/gunicorn"], {"GUNICORN_CMD_ARGS": f"-c {conf}", **{k: str(v) for k, v in env.items()}}


def processes(cloud, name):
    """The processes of one service, in the order they are to be started."""
    etc = cloud.etc
    match name:
        case "keystone":
            application = "keystone_serial:application"
            yield gunicorn(cloud, cloud.core, name, 0, application, OS_KEYSTONE_CONFIG_FILES=etc / "keystone.conf")
        case "glance":
            application = "glance.wsgi.api:application"
            yield gunicorn(cloud, cloud.core, name, 1, application, OS_GLANCE_CONFIG_DIR=etc / "glance")
        case "heat":
            yield gunicorn(cloud, cloud.core, name, 2, "heat_all:application", HEAT_CONF=etc / "heat.conf")
        case "nova":
            yield gunicorn(
                cloud, cloud.compute, name, 4, "nova.wsgi.osapi_compute:application",
                OS_NOVA_CONFIG_DIR=etc / "nova", OS_NOVA_DISABLE_EVENTLET_PATCHING=1,
            )  # fmt: skip
        case "neutron":
            yield gunicorn(
                cloud, cloud.compute, name, 5, "neutron.wsgi.api:application",
                OS_NEUTRON_CONFIG_DIR=etc / "neutron", OS_NEUTRON_CONFIG_FILES="neutron.conf",
            )  # fmt: skip
        case "swift":
            for kind in (*SWIFT_BACKENDS, "proxy"):
                conf, shared = etc / f"swift/{kind}.conf", etc / "swift/swift.conf"
                yield f"swift-{kind}", [cloud.compute / "bin/python", HERE / "swift_server.py", kind, conf, shared], {}
        case "murano":
            yield name, murano(cloud, "murano-api"), murano_path(cloud)
        case _:
            sys.exit(f"error: no service '{name}'; there are {', '.join(SERVICES)}")
