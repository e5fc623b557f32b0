"""Fills a cloud's Keystone: service users, the catalog, and a few projects and users for tests and demos."""

import requests

from services import SERVICES


class Keystone:
    """The admin's calls; each makes a thing or finds the one of that name."""

    def __init__(self, cloud):
        self.base = f"{cloud.keystone}/v3"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(cloud.ca_file) if cloud.tls else True
        default = {"id": "default"}
        user = {"name": "admin", "domain": default, "password": cloud.password}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": default}}
        answer = self.session.post(f"{self.base}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
        answer.raise_for_status()
        self.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def make(self, kind, name, **fields):
        answer = self.session.post(f"{self.base}/{kind}s", json={kind: {"name": name, **fields}})
        if answer.status_code == 409:
            return self.find(kind, name)
        answer.raise_for_status()
        return answer.json()[kind]["id"]

    def find(self, kind, name):
        found = self.session.get(f"{self.base}/{kind}s", params={"name": name}).json()[f"{kind}s"]
        return found[0]["id"] if found else None

    def grant(self, project, user, role):
        self.session.put(f"{self.base}/projects/{project}/users/{user}/roles/{role}").raise_for_status()

    def publish(self, service, url, region):
        """Puts a service into the catalog, once."""
        if self.find("service", service.name):
            return
        made = self.make("service", service.name, type=service.type)
        for interface in ("public", "internal", "admin"):
            endpoint = {"service_id": made, "interface": interface, "region_id": region, "url": url}
            self.session.post(f"{self.base}/endpoints", json={"endpoint": endpoint}).raise_for_status()


def seed(cloud, services, password):
    """Makes what is missing; answers with the users: role in tests -> who and where."""
    keystone = Keystone(cloud)
    wanted = ("admin", "member", "reader", "service", "heat_stack_owner", "heat_stack_user")
    roles = {name: keystone.make("role", name) for name in wanted}

    def project(name):
        return keystone.make("project", name, domain_id="default")

    def user(name, password):
        return keystone.make("user", name, domain_id="default", password=password)

    service_project = project("service")
    for name in services:
        service = SERVICES[name]
        account = user(name, cloud.password)
        keystone.grant(service_project, account, roles["admin"])
        keystone.grant(service_project, account, roles["service"])
        keystone.publish(service, cloud.url(service.port) + service.path, cloud.region)

    low = cloud.name.lower()
    users = {"admin": ("admin", "admin", "admin", cloud.password)}
    # `shared` has the same name in every cloud, and another id in each.
    for key, name, where, role in (
        ("user", f"{low}-user", f"{low}-project", "member"),
        ("reader", f"{low}-reader", f"{low}-project", "reader"),
        ("shared", "shared", "shared", "member"),
    ):
        keystone.grant(project(where), user(name, password), roles[role])
        users[key] = (name, where, role, password)
    return {
        key: {
            "username": name,
            "user_id": keystone.find("user", name),
            "password": password,
            "project_name": where,
            "project_id": keystone.find("project", where),
            "role": role,
        }
        for key, (name, where, role, password) in users.items()
    }
