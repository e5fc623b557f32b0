"""Brings one test cloud up or down, or prints its environment; scripts/cloud is its front."""

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

import seed
import services
import tls

STATE = Path(os.environ["ZONDA_STATE"]) / "clouds"
START = time.monotonic()
DEADLINE_SECS = 180


def say(cloud, text):
    print(f"[cloud {cloud.name} {time.monotonic() - START:5.1f} s] {text}", file=sys.stderr, flush=True)


# ---- What is kept of a cloud between two calls.


def load_json(path):
    return json.loads(path.read_text()) if path.exists() else None


def save_json(path, value):
    """Replaces a file in one step; it holds passwords."""
    draft = path.with_suffix(".draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file, indent=1)
    draft.rename(path)


@contextlib.contextmanager
def locked(name):
    STATE.mkdir(parents=True, exist_ok=True)
    with open(STATE / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def settle(name, base, with_tls):
    """The settings of a cloud: chosen once, kept from then on, since Keystone's catalog holds its ports."""
    state = STATE / name
    kept = load_json(state / "settings.json")
    if kept is None:
        for folder in ("etc", "log", "run"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        while not all(is_free(base + port) for port in range(services.PORTS)):
            base += 200
        kept = {
            "base": base,
            "tls": with_tls,
            "password": secrets.token_urlsafe(15),
            "user_password": secrets.token_urlsafe(15),
        }
        save_json(state / "settings.json", kept)
    elif kept["tls"] != with_tls:
        sys.exit(f"error: cloud {name} exists {'with' if kept['tls'] else 'without'} TLS; --fresh makes it anew")
    return services.Layout(name, state, kept["base"], kept["tls"], kept["password"]), kept["user_password"]


# ---- Processes: recorded by pid and start time, which together name a process for as long as the machine is up.


def identity(pid):
    """When a process was started, in ticks since the machine was; None when there is no such process."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else fields[18]


def running(state, name):
    """The pid of a process of this cloud, if it is alive."""
    kept = load_json(state / "run" / f"{name}.json")
    return kept["pid"] if kept and identity(kept["pid"]) == kept["started"] else None


def start(cloud, service):
    for name, command, env in services.processes(cloud, service):
        if running(cloud.state, name):
            continue
        clean = {k: v for k, v in os.environ.items() if k not in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
        env = clean | {"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"} | env
        with open(cloud.log / f"{name}.out", "ab") as out:
            process = subprocess.Popen(
                [str(part) for part in command], cwd=services.HERE, env=env, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        save_json(cloud.state / "run" / f"{name}.json", {"pid": process.pid, "started": identity(process.pid)})


def answers(cloud, port):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(cloud.ca_file) if cloud.tls else True
        try:
            return session.get(cloud.url(port) + ("/v3" if port == 0 else "/"), timeout=10).status_code < 500
        except requests.RequestException:
            return False


def port_of(service):
    return 0 if service == "keystone" else services.SERVICES[service].port


def wait_until_it_answers(cloud, service):
    while not answers(cloud, port_of(service)):
        if time.monotonic() - START > DEADLINE_SECS:
            sys.exit(f"error: {service} of cloud {cloud.name} does not answer; see {cloud.log}")
        time.sleep(0.1)


def is_up(cloud, wanted):
    """Whether every process is alive and every service answers."""
    names = [name for service in wanted for name, *_ in services.processes(cloud, service)]
    return all(running(cloud.state, name) for name in names) and all(answers(cloud, port_of(s)) for s in wanted)


# ---- Commands.


def up(args):
    wanted = [name for name in args.services.split(",") if name]
    unknown = set(wanted) - set(services.SERVICES)
    if unknown:
        sys.exit(f"error: no service {', '.join(unknown)}; there are {', '.join(services.SERVICES)}")
    if args.fresh:
        down(args)
        shutil.rmtree(STATE / args.name, ignore_errors=True)
    with locked(args.name):
        cloud, user_password = settle(args.name, args.base, args.tls)
        described = load_json(cloud.state / "cloud.json")
        if described:
            # What is there stays there.
            have = [name for name, service in services.SERVICES.items() if service.type in described["services"]]
            wanted = list(dict.fromkeys(have + wanted))
            if len(have) == len(wanted) and is_up(cloud, ["keystone", *wanted]):
                say(cloud, "is up already")
                return
        if cloud.tls and not cloud.ca_file.exists():
            tls.make(cloud)
        with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
            prepared = {name: pool.submit(prepare, cloud, name) for name in ["keystone", *wanted]}
            prepared["keystone"].result()
            start(cloud, "keystone")
            for name in wanted:
                prepared[name].result()
                start(cloud, name)
        wait_until_it_answers(cloud, "keystone")
        users = seed.seed(cloud, wanted, user_password)
        for name in wanted:
            wait_until_it_answers(cloud, name)
        save_json(cloud.state / "cloud.json", describe(cloud, wanted, users))
        say(cloud, f"is up: {cloud.keystone}/v3 with {', '.join(wanted)}")


def prepare(cloud, name):
    """Configures a service and makes its database, once."""
    done = cloud.etc / f".{name}-is-prepared"
    if not done.exists():
        services.PREPARE[name](cloud)
        done.touch()


def describe(cloud, names, users):
    """cloud.json: all that tests need to know."""
    endpoints = (services.SERVICES[name] for name in names)
    return {
        "name": cloud.name,
        "region": cloud.region,
        "auth_url": f"{cloud.keystone}/v3",
        "ca_file": str(cloud.ca_file) if cloud.tls else None,
        "services": {s.type: cloud.url(s.port) + s.path for s in endpoints},
        "users": users,
    }


def down(args):
    """Ends the recorded processes of this cloud, and no others."""
    with locked(args.name):
        state = STATE / args.name
        pids = {file: running(state, file.stem) for file in state.glob("run/*.json")}
        for sig, patience_secs in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            for file, pid in pids.items():
                if pid and running(state, file.stem):
                    os.kill(pid, sig)
            until = time.monotonic() + patience_secs
            while any(running(state, file.stem) for file in pids) and time.monotonic() < until:
                time.sleep(0.05)
        for file in pids:
            file.unlink()


def env(args):
    """Prints shell exports: OS_* for a user of the cloud, or OS_TARGET_* with --target."""
    cloud = load_json(STATE / args.name / "cloud.json") or sys.exit(f"error: there is no cloud {args.name} yet")
    user = cloud["users"][args.user]
    values = {
        "AUTH_URL": cloud["auth_url"],
        "USERNAME": user["username"],
        "PASSWORD": user["password"],
        "PROJECT_NAME": user["project_name"],
        "USER_DOMAIN_NAME": "Default",
        "PROJECT_DOMAIN_NAME": "Default",
        "REGION_NAME": cloud["region"],
        "CACERT": cloud["ca_file"] or "",
    }
    if args.target:
        # python-mistralclient knows only the older word.
        values["TENANT_NAME"] = values["PROJECT_NAME"]
    else:
        values["IDENTITY_API_VERSION"] = "3"
    for key, value in values.items():
        print(f"export OS_{'TARGET_' if args.target else ''}{key}={shlex.quote(value)}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/cloud")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("up")
    command.set_defaults(run=up)
    command.add_argument("name")
    command.add_argument("--base", type=int, default=25000)
    command.add_argument("--tls", action="store_true")
    command.add_argument("--services", default="glance,heat")
    command.add_argument("--fresh", action="store_true")
    command = commands.add_parser("down")
    command.set_defaults(run=down)
    command.add_argument("name")
    command = commands.add_parser("env")
    command.set_defaults(run=env)
    command.add_argument("name")
    command.add_argument("--user", default="user", choices=("admin", "user", "reader", "shared"))
    command.add_argument("--target", action="store_true")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
