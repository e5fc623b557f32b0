"""Keystone, one request at a time: with sqlite, two users who come for the first time at once lock each other out."""

import threading

from keystone.wsgi.api import application as keystone

LOCK = threading.Lock()


def application(environ, start_response):
    with LOCK:
        return keystone(environ, start_response)
