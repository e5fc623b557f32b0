"""swift_server.py KIND CONF SWIFT_CONF: a Swift server that reads SWIFT_CONF instead of /etc/swift/swift.conf."""

import sys

import swift.common.utils as utils

kind, conf, utils.SWIFT_CONF_FILE = sys.argv[1:4]
sys.argv = [kind, conf]

from swift.common.wsgi import run_wsgi  # noqa: E402

sys.exit(run_wsgi(conf, f"{kind}-server"))
